// The graph as a tree of rows, of which only those in sight exist.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { operatorName } from "./hierarchy";
import { Name, Swatch } from "./parts";
import { formatTime } from "./text";
import type { View } from "./view";

const ROW = 28;
const BEYOND = 8; // rows drawn beyond the edges, so that scrolling shows no gaps

function useWindow(count: number) {
  const box = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState({ first: 0, last: 40 });
  const measure = () => {
    const { scrollTop, clientHeight } = box.current!;
    const first = Math.max(0, Math.floor(scrollTop / ROW) - BEYOND);
    setRange({ first, last: Math.min(count, Math.ceil((scrollTop + clientHeight) / ROW) + BEYOND) });
  };
  useLayoutEffect(measure, [count]);
  const reveal = (row: number) => {
    const { scrollTop, clientHeight } = box.current!;
    if (row * ROW < scrollTop) box.current!.scrollTop = row * ROW;
    else if ((row + 1) * ROW > scrollTop + clientHeight) box.current!.scrollTop = (row + 1) * ROW - clientHeight;
  };
  return { box, range, measure, reveal };
}

interface Row {
  node: number;
  level: number;
  position: number;
  siblings: number;
}

interface OutlineProps {
  view: View;
  version: number;
  device: number | null;
  selected: number | null;
  onSelect(node: number): void;
  onShow(node: number): void;
  onToggle(node: number): void;
}

export function Outline({ view, version, device, selected, onSelect, onShow, onToggle }: OutlineProps) {
  const { tree } = view;
  const rows = useMemo(() => {
    const list: Row[] = [];
    const visit = (node: number, level: number): void => {
      const children = tree.children[node]!;
      children.forEach((child, i) => {
        list.push({ node: child, level, position: i + 1, siblings: children.length });
        if (tree.kind[child] !== "operator" && view.isOpen(child)) visit(child, level + 1);
      });
    };
    visit(tree.root, 1);
    return list;
  }, [view, version]);
  const { box, range, measure, reveal } = useWindow(rows.length);
  const at = rows.findIndex((row) => row.node === selected);
  useEffect(() => {
    if (at >= 0) reveal(at);
  }, [at]);

  const key = (event: KeyboardEvent) => {
    const row = rows[at];
    const go = (to: number) => {
      const target = rows[Math.min(Math.max(to, 0), rows.length - 1)];
      if (target) onSelect(target.node);
    };
    const inner = row !== undefined && tree.kind[row.node] !== "operator";
    if (event.key === "ArrowDown") go(at + 1);
    else if (event.key === "ArrowUp") go(at - 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(rows.length - 1);
    else if (event.key === "PageDown") go(at + 10);
    else if (event.key === "PageUp") go(at - 10);
    else if (event.key === "ArrowRight" && inner) {
      if (view.isOpen(row.node)) go(at + 1);
      else onToggle(row.node);
    } else if (event.key === "ArrowLeft" && row) {
      if (inner && view.isOpen(row.node)) onToggle(row.node);
      else if (tree.parent[row.node] !== tree.root) onSelect(tree.parent[row.node]!);
    } else if (event.key === "Enter" && row) onShow(row.node);
    else return;
    event.preventDefault();
  };

  const seen = rows.slice(range.first, range.last);
  // A row is said to be active only while it exists.
  const active = at >= range.first && at < range.last ? `row-${selected}` : undefined;
  return (
    <div class="rows" ref={box} onScroll={measure} onKeyDown={key} tabIndex={0} role="tree"
      aria-label="Outline of the graph" aria-activedescendant={active}>
      <div role="presentation" style={{ height: `${rows.length * ROW}px` }}>
        {seen.map((row, i) => {
          const inner = tree.kind[row.node] !== "operator";
          const open = inner && view.isOpen(row.node);
          const on = tree.device[row.node]!;
          const dim = device !== null && on >= 0 && on !== device;
          return (
            <div key={row.node} id={`row-${row.node}`} role="treeitem" aria-level={row.level}
              aria-posinset={row.position} aria-setsize={row.siblings} aria-selected={row.node === selected}
              aria-expanded={inner ? open : undefined} class={dim ? "row dim" : "row"} data-device={on}
              style={{ top: `${(range.first + i) * ROW}px`, paddingLeft: `${8 + (row.level - 1) * 14}px` }}
              onClick={() => onShow(row.node)}>
              <span class="twist" aria-hidden="true" onClick={(event) => {
                if (!inner) return;
                event.stopPropagation();
                onToggle(row.node);
              }}>{inner ? (open ? "▾" : "▸") : ""}</span>
              {on >= 0 && <Swatch device={on} />}
              <span class="label"><Name text={tree.label[row.node]!} longest={80} /></span>
              <span class="quiet">{inner ? tree.size[row.node]!.toLocaleString("en") : formatTime(view.timeOf(row.node))}</span>
            </div>
          );
        })}
      </div>
    </div>
  );
}

interface ResultsProps {
  view: View;
  found: number[];
  selected: number | null;
  onShow(node: number): void;
}

export function SearchResults({ view, found, selected, onShow }: ResultsProps) {
  const { box, range, measure, reveal } = useWindow(found.length);
  const at = selected === null ? -1 : found.indexOf(selected);
  const key = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || found.length === 0) return;
    const to = Math.min(Math.max(at + step, 0), found.length - 1);
    reveal(to);
    onShow(found[to]!);
    event.preventDefault();
  };
  return (
    <div class="rows" ref={box} onScroll={measure} onKeyDown={key} tabIndex={0} role="listbox"
      aria-label="Operators found">
      <div role="presentation" style={{ height: `${found.length * ROW}px` }}>
        {found.slice(range.first, range.last).map((op, i) => (
          <div key={op} role="option" aria-selected={op === selected} class="row"
            style={{ top: `${(range.first + i) * ROW}px` }} onClick={() => onShow(op)}>
            <Swatch device={view.tree.device[op]!} />
            <span class="label"><Name text={operatorName(view.placed.operators, op)} longest={80} /></span>
          </div>
        ))}
      </div>
    </div>
  );
}
