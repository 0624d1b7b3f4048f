// The graph, drawn and as an outline: what one shows as a picture, the other lists for keyboard and
// screen reader. Both show the same boxes open.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Placed } from "./data";
import { Details } from "./details";
import { GraphView, type GraphHandle } from "./graph_view";
import { Name, Part, Swatch } from "./parts";
import { Outline, SearchResults } from "./outline";
import { buildScene } from "./scene";
import { plural } from "./text";
import { MOST_BOXES, View } from "./view";
import { pipelineOrder } from "./devices";

const NARROW = "(max-width: 760px)";
const MOST_CHIPS = 24;

interface Props {
  plan: Placed;
  device: number | null;
  onDevice(device: number): void;
  focus: { node: number } | null;
}

const TOO_MANY = `More than ${MOST_BOXES.toLocaleString("en")} boxes would be open: open single ones with a double click.`;

export function GraphPart({ plan, device, onDevice, focus }: Props) {
  const view = useMemo(() => new View(plan, !matchMedia(NARROW).matches), [plan]);
  const [version, setVersion] = useState(0); // of what is open
  const [selected, setSelected] = useState<number | null>(null);
  const [words, setWords] = useState("");
  const handle = useRef<GraphHandle | null>(null);
  const pending = useRef<number | null>(null);
  const scene = useMemo(() => buildScene(view.tree, view.layouts, (node) => view.isOpen(node)), [view, version]);
  const found = useMemo(() => (words === "" ? null : view.search(words)), [view, words]);
  const neighbours = useMemo(() => neighboursOf(view, selected), [view, version, selected]);

  const [note, setNote] = useState(""); // on what the last button could not do
  const changed = () => {
    setNote("");
    setVersion((v) => v + 1);
  };
  const openMore = () => {
    const outcome = view.openLevel();
    if (outcome === "opened") changed();
    else setNote(outcome === "too many" ? TOO_MANY : "Everything is open.");
  };
  const toggle = (node: number) => {
    view.toggle(node);
    setSelected(node);
    changed();
  };
  // Opens what hides the node, and moves the picture there once it is laid out.
  const show = (node: number) => {
    view.reveal(node);
    setSelected(node);
    pending.current = node;
    changed();
  };
  useEffect(() => {
    if (focus) show(focus.node);
  }, [focus]);
  useEffect(() => {
    if (pending.current === null) return;
    handle.current?.show(pending.current);
    pending.current = null;
  });

  const chips = useMemo(() => pipelineOrder(plan).filter((row) => row.stages > 0), [plan]);
  return (
    <Part id="graph" title="Graph"
      lead="Every operator in the colour of its device, folded by stage and by block. Open a box with a double click, or in the outline.">
      <div class="chips" role="group" aria-label="Devices">
        {chips.slice(0, MOST_CHIPS).map((row) => (
          <button key={row.device} type="button" aria-pressed={device === row.device} onClick={() => onDevice(row.device)}>
            <Swatch device={row.device} /><Name text={plan.devices[row.device]!.name} />
          </button>
        ))}
        {chips.length > MOST_CHIPS && <span class="quiet">and {chips.length - MOST_CHIPS} more above</span>}
      </div>
      <div class="explorer">
        <div class="side">
          <input type="search" placeholder="Search operators" aria-label="Search operators" value={words}
            onInput={(event) => setWords(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && found && found.length > 0) show(found[0]!);
            }} />
          <p class="found quiet" role="status">{found ? `${plural(found.length, "operator")} found` : plural(view.tree.numOperators, "operator")}</p>
          {found
            ? <SearchResults view={view} found={found} selected={selected} onShow={show} />
            : <Outline view={view} version={version} device={device} selected={selected} onSelect={setSelected}
                onShow={show} onToggle={toggle} />}
        </div>
        <div class="stage">
          <div class="tools" role="group" aria-label="View">
            <button type="button" onClick={openMore}>Open more</button>
            <button type="button" onClick={() => { view.closeAll(); setSelected(null); changed(); }}>Close all</button>
            <button type="button" aria-label="Zoom in" onClick={() => handle.current?.zoomBy(1.4)}>+</button>
            <button type="button" aria-label="Zoom out" onClick={() => handle.current?.zoomBy(1 / 1.4)}>−</button>
            <button type="button" onClick={() => handle.current?.fit()}>Fit</button>
            <span class="note quiet" role="status">{note}</span>
          </div>
          <GraphView view={view} scene={scene} selected={selected} device={device} neighbours={neighbours}
            onSelect={setSelected} onToggle={toggle} handle={handle} />
          {selected !== null && <Details view={view} node={selected} onShow={show} onToggle={toggle} onClose={() => setSelected(null)} />}
        </div>
      </div>
    </Part>
  );
}

// Boxes in sight that the selected operator exchanges tensors with.
function neighboursOf(view: View, selected: number | null): { from: number; to: number }[] {
  if (selected === null || view.tree.kind[selected] !== "operator") return [];
  const { wiring } = view;
  const here = view.inSight(selected);
  const pairs = new Map<string, { from: number; to: number }>();
  const add = (from: number, to: number) => {
    if (from !== to) pairs.set(`${from} ${to}`, { from, to });
  };
  for (const tensor of wiring.inputs(selected)) add(view.inSight(wiring.producer(tensor)), here);
  for (const tensor of wiring.outputs(selected)) {
    for (const op of wiring.consumers(tensor)) add(here, view.inSight(op));
  }
  return [...pairs.values()];
}
