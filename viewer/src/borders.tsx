// Tensors that cross from one device to another.

import { useMemo } from "preact/hooks";
import type { Placed } from "./data";
import { operatorName } from "./hierarchy";
import { Name, Part, Swatch, useFirst } from "./parts";
import { formatBytes, formatTime, plural } from "./text";

export function BordersPart({ plan, onShow }: { plan: Placed; onShow(node: number): void }) {
  const { crossings, tensors, devices, stages } = plan;
  const deviceOf = useMemo(() => {
    const result = new Int32Array(plan.operators.ids.length);
    for (const stage of stages) for (const op of stage.operators) result[op] = stage.device;
    return result;
  }, [plan]);
  const order = useMemo(() => {
    const cost = (i: number) => crossings.out[i]! + crossings.in[i]!;
    return crossings.tensors.map((_, i) => i).sort((a, b) =>
      (tensors.bytes[crossings.tensors[b]!] ?? 0) - (tensors.bytes[crossings.tensors[a]!] ?? 0) || cost(b) - cost(a));
  }, [plan]);
  const [rows, more] = useFirst(order, 10);
  return (
    <Part id="borders" title="Tensors across borders"
      lead={order.length === 0 ? "No tensor leaves its device." : `${plural(order.length, "transfer")} for each sample, the largest first.`}>
      {order.length > 0 && (
        <div class="scroll" tabIndex={0} role="group" aria-label="Tensors across borders">
          <table>
            <thead><tr><th scope="col">made by</th><th scope="col">from</th><th scope="col">to</th>
              <th scope="col" class="number">size</th><th scope="col" class="number">out</th>
              <th scope="col" class="number">in</th></tr></thead>
            <tbody>{rows.map((i) => {
              const tensor = crossings.tensors[i]!;
              const op = tensors.producers[tensor]!;
              const bytes = tensors.bytes[tensor];
              const to = crossings.targets[i]!;
              return (
                <tr key={i}>
                  <th scope="row"><button type="button" class="link" onClick={() => onShow(op)}>
                    <Name text={operatorName(plan.operators, op)} longest={60} /></button></th>
                  <td><Swatch device={deviceOf[op]!} /><Name text={devices[deviceOf[op]!]!.name} /></td>
                  <td><Swatch device={to} /><Name text={devices[to]!.name} /></td>
                  <td class="number">{typeof bytes === "number" ? formatBytes(bytes) : "–"}</td>
                  <td class="number">{formatTime(crossings.out[i]!)}</td>
                  <td class="number">{formatTime(crossings.in[i]!)}</td>
                </tr>
              );
            })}</tbody>
          </table>
          {more}
        </div>
      )}
    </Part>
  );
}
