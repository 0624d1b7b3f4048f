// What each device spends on a sample, and holds.

import { useMemo } from "preact/hooks";
import { deviceColour, mix, scheme } from "./colours";
import type { Device, Placed, Report } from "./data";
import { Name, Part, Swatch, useFirst, useScheme } from "./parts";
import { formatBytes, formatTime, plural } from "./text";

/** Devices as the pipeline visits them; those without work come last. */
export function pipelineOrder(plan: Placed): { device: number; stages: number; operators: number }[] {
  const rows = plan.devices.map((_, device) => ({ device, stages: 0, operators: 0 }));
  const order: typeof rows = [];
  for (const stage of plan.stages) {
    const row = rows[stage.device]!;
    if (row.stages === 0) order.push(row);
    ++row.stages;
    row.operators += stage.operators.length;
  }
  return [...order, ...rows.filter((row) => row.stages === 0)];
}

function LoadBar({ device, index, most, serial }: { device: Device; index: number; most: number; serial: boolean }) {
  const hue = deviceColour(index);
  const { surface } = scheme();
  const width = (time: number) => `${most > 0 ? (100 * time) / most : 0}%`;
  const parts = [
    { key: "in", time: device.in, background: mix(hue, surface, 0.3) },
    { key: "compute", time: device.compute, background: hue },
    { key: "out", time: device.out, background: mix(hue, surface, 0.55) },
  ];
  const text = parts.map((part) => `${part.key} ${formatTime(part.time)}`).join(", ");
  return (
    <div class={serial ? "bar" : "bar stacked"} role="img" aria-label={text} title={text}>
      {parts.map((part) => part.time > 0 && (
        <i key={part.key} class={part.key} style={{ width: width(part.time), background: part.background }} />
      ))}
    </div>
  );
}

function Memory({ device, index }: { device: Device; index: number }) {
  const { memory, memory_limit: limit } = device;
  const share = limit ? memory / limit : 0;
  const text = limit === null ? `${formatBytes(memory)}, no limit` : `${formatBytes(memory)} of ${formatBytes(limit)}`;
  return (
    <div class="memory">
      <div class="bar slim" role="img" aria-label={`memory: ${text}`} title={text}>
        <i style={{ width: `${100 * Math.min(share, 1)}%`, background: deviceColour(index) }} />
      </div>
      <span class="quiet">{text}</span>
    </div>
  );
}

export function DevicesPart(props: { report: Report; plan: Placed; device: number | null; onDevice(device: number): void }) {
  const { report, plan } = props;
  useScheme();
  const order = useMemo(() => pipelineOrder(plan), [plan]);
  const busy = order.filter((row) => row.stages > 0);
  const [rows, more] = useFirst(busy, 40);
  const idle = order.length - busy.length;
  // Where transfers overlap with computing, the parts are longer than the load.
  const most = Math.max(...plan.devices.map((d) => Math.max(d.load, report.serial ? 0 : d.in, d.compute, d.out)), 0);
  const { objective, bound } = report.answer;
  const gpipe = plan.devices[0]?.forward !== undefined;
  const mark = (time: number | null) => time !== null && !gpipe && !report.answer.latency && most > 0 && time <= most
    ? `${(100 * time) / most}%` : null;
  return (
    <Part id="devices" title="Devices" lead={
      <>Load on each device for one sample, in the order of the pipeline. Choose one to see its operators in the graph.</>
    }>
      <div class="legend" aria-hidden="true">
        <span><i class="key in" />moving in</span><span><i class="key compute" />computing</span>
        <span><i class="key out" />moving out</span>
        {mark(bound) && bound !== objective && <span><i class="key bound" />lower bound</span>}
        {mark(objective) && <span><i class="key pace" />{report.answer.status === "optimal" ? "time per sample, proven best" : "time per sample"}</span>}
      </div>
      <ul class="devices">
        {rows.map(({ device: index, stages, operators }) => {
          const device = plan.devices[index]!;
          return (
            <li key={index} class={device.mark ? "marked" : ""}>
              <button type="button" aria-pressed={props.device === index} onClick={() => props.onDevice(index)}>
                <span class="who">
                  <Swatch device={index} /><Name text={device.name} />
                  {device.mark && <span class="mark">{device.mark}</span>}
                </span>
                <span class="quiet what">{plural(operators, "operator")}{stages > 1 && `, ${stages} stages`}</span>
                <span class="gauge">
                  <LoadBar device={device} index={index} most={most} serial={report.serial} />
                  {mark(bound) && bound !== objective && <b class="tick bound" style={{ left: mark(bound)! }} />}
                  {mark(objective) && <b class="tick pace" style={{ left: mark(objective)! }} />}
                </span>
                <span class="load">{formatTime(device.load)}</span>
                <span class="quiet why">{device.limited_by}</span>
                <Memory device={device} index={index} />
              </button>
            </li>
          );
        })}
      </ul>
      {more}
      {idle > 0 && <p class="quiet">{plural(idle, "device")} without work: using {idle === 1 ? "it" : "them"} would make nothing faster, or no placement found does.</p>}
    </Part>
  );
}
