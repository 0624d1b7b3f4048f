// All that the report knows about one box.

import { labelOf } from "./graph_view";
import { Name, Swatch, useFirst } from "./parts";
import { formatBytes, formatTime, plural } from "./text";
import type { View } from "./view";

interface Props {
  view: View;
  node: number;
  onShow(node: number): void;
  onToggle(node: number): void;
  onClose(): void;
}

interface Exchange {
  tensor: number;
  other: number;
}

export function Details({ view, node, onShow, onToggle, onClose }: Props) {
  const { tree, placed, wiring } = view;
  const operator = tree.kind[node] === "operator";
  const device = tree.device[node]!;
  const name = labelOf(view, node);
  const stage = placed.stages[tree.stage[node]!];
  const run = stage?.finish !== undefined && `${formatTime(stage.start!)} to ${formatTime(stage.finish)}`;
  const id = operator ? placed.operators.ids[node]! : "";
  const inputs = operator ? wiring.inputs(node).map((tensor) => ({ tensor, other: wiring.producer(tensor) })) : [];
  const outputs = operator
    ? wiring.outputs(node).flatMap((tensor) => wiring.consumers(tensor).map((other) => ({ tensor, other })))
    : [];
  return (
    <aside class="details" aria-label="Selected">
      <div class="head">
        <h3><Name text={name} longest={10000} /></h3>
        <button type="button" aria-label="Close" onClick={onClose}>×</button>
      </div>
      <dl>
        {operator && id !== name && <div><dt>id</dt><dd><Name text={id} longest={10000} /></dd></div>}
        {device >= 0 && <div><dt>device</dt><dd><Swatch device={device} /><Name text={placed.devices[device]!.name} /></dd></div>}
        {tree.stage[node]! >= 0 && <div><dt>stage</dt><dd>{tree.stage[node]! + 1} of {placed.stages.length}</dd></div>}
        {tree.kind[node] === "stage" && run && <div><dt>runs</dt><dd>{run}</dd></div>}
        {!operator && <div><dt>holds</dt><dd>{plural(tree.size[node]!, "operator")}</dd></div>}
        {operator && tree.backward[node] && <div><dt>pass</dt><dd>backward</dd></div>}
        <div><dt>{operator ? "time" : "times, added"}</dt><dd>{formatTime(view.timeOf(node))}</dd></div>
        <div><dt>memory</dt><dd>{formatBytes(view.memoryOf(node))}</dd></div>
      </dl>
      {!operator && (
        <button type="button" onClick={() => onToggle(node)}>{view.isOpen(node) ? "Close this box" : "Open this box"}</button>
      )}
      <Exchanges title="takes from" list={inputs} view={view} onShow={onShow} here={device} />
      <Exchanges title="gives to" list={outputs} view={view} onShow={onShow} here={device} />
    </aside>
  );
}

function Exchanges({ title, list, view, onShow, here }: { title: string; list: Exchange[]; view: View; onShow(node: number): void; here: number }) {
  const [rows, more] = useFirst(list, 8);
  if (list.length === 0) return null;
  return (
    <>
      <h4>{title}</h4>
      <ul>
        {rows.map(({ tensor, other }, i) => {
          const bytes = view.wiring.bytes(tensor);
          const device = view.tree.device[other]!;
          return (
            <li key={i}>
              <button type="button" class="link" onClick={() => onShow(other)}>
                <Swatch device={device} /><Name text={labelOf(view, other)} longest={48} />
              </button>
              <span class="quiet">{bytes === null ? "" : formatBytes(bytes)}{device !== here && " across"}</span>
            </li>
          );
        })}
      </ul>
      {more}
    </>
  );
}
