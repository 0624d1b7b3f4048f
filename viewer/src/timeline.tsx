// The simulated schedule: a lane a device, what it does when, and where it waits.

import { scaleLinear } from "d3-scale";
import { select } from "d3-selection";
import { zoom, zoomIdentity, type ZoomBehavior, type ZoomTransform } from "d3-zoom";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { deviceColour, mix, onSchemeChange, scheme } from "./colours";
import type { Placed, Report, Timeline } from "./data";
import { pipelineOrder } from "./devices";
import { Name, Part, Swatch, useFirst } from "./parts";
import { formatTime, printable } from "./text";

interface Bar {
  start: number;
  end: number;
  lane: number;
  row: number; // within the lane: of devices that do several things at once
  device: number;
  kind: number; // in, compute, out; backward: 3 more
  words: string;
  about: string;
}

interface Chart {
  lanes: { device: number; name: string; rows: number }[];
  rows: number; // of the lane that has most
  bars: Bar[]; // by start
  end: number;
  opening: number; // how much of it is shown at first
}

const COMPUTE = 1;
const ACTIVITIES = ["moving in", "computing", "moving out"];
const MOST_LANES = 64;
const MOST_ROWS = 8;

function chartOf(timeline: Timeline, plan: Placed, serial: boolean, latency: boolean): Chart {
  const lanes = pipelineOrder(plan).filter((row) => row.stages > 0).slice(0, MOST_LANES);
  const laneOf = new Map(lanes.map((row, lane) => [row.device, lane]));
  const { slices } = timeline;
  const bars: Bar[] = [];
  // A pool of workers does many things at once: each takes the first row that is free.
  const free = lanes.map(() => [] as number[]);
  let rows = latency || serial ? 1 : 3;
  let start = 0;
  let end = 0;
  for (let i = 0; i < slices.starts.length; ++i) {
    start += slices.starts[i]!;
    const lane = laneOf.get(slices.devices[i]!);
    if (lane === undefined) continue;
    const finish = start + slices.lengths[i]!;
    const kind = slices.kinds[i]!;
    const activity = kind % 3;
    let row = serial ? 0 : activity;
    if (latency) {
      row = free[lane]!.findIndex((time) => time <= start);
      if (row < 0) row = free[lane]!.length < MOST_ROWS ? free[lane]!.length : MOST_ROWS - 1;
      free[lane]![row] = finish;
      rows = Math.max(rows, row + 1);
    }
    const micro = slices.micro_batches[i]!;
    const stage = slices.stages[i]! + 1;
    const doing = `stage ${stage}: ${ACTIVITIES[activity]}${kind >= 3 ? ", backward" : ""}`;
    bars.push({ start, end: finish, lane, row, device: slices.devices[i]!, kind,
      words: activity === COMPUTE ? `${latency ? stage : micro}` : "",
      about: latency ? doing : `micro-batch ${micro}, ${doing}` });
    end = Math.max(end, finish);
  }
  const opening = latency ? end : Math.min(end, (timeline.depth + 5) * timeline.rate);
  return { lanes: lanes.map(({ device }, lane) => (
    { device, name: plan.devices[device]!.name, rows: latency ? Math.max(free[lane]!.length, 1) : rows })),
    rows, bars, end, opening: opening > 0 ? opening : end };
}

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const AXIS = 26;
const GAP = 8;

function nameWidth(width: number): number {
  return Math.min(132, width * 0.26);
}

class Painter {
  private readonly context: CanvasRenderingContext2D;
  private readonly behaviour: ZoomBehavior<HTMLCanvasElement, unknown>;
  private readonly observer: ResizeObserver;
  private transform: ZoomTransform = zoomIdentity;
  private frame = 0;
  private width = 0;
  private device: number | null = null;
  private hovered: Bar | null = null;
  private readonly laneBars: Bar[][];
  private readonly longest: number;

  constructor(private readonly canvas: HTMLCanvasElement, private readonly chart: Chart,
    private readonly tip: HTMLElement) {
    this.context = canvas.getContext("2d")!;
    this.laneBars = chart.lanes.map(() => []);
    for (const bar of chart.bars) this.laneBars[bar.lane]!.push(bar);
    this.longest = chart.bars.reduce((most, bar) => Math.max(most, bar.end - bar.start), 0);
    this.behaviour = zoom<HTMLCanvasElement, unknown>()
      .scaleExtent([1, Math.max(4, chart.bars.length)])
      .filter((event: Event) => !(event instanceof WheelEvent) || event.ctrlKey || event.metaKey ||
        document.activeElement === canvas)
      .on("zoom", (event: { transform: ZoomTransform }) => {
        this.transform = event.transform;
        this.request();
      });
    select(canvas).call(this.behaviour);
    canvas.addEventListener("pointermove", this.hover);
    canvas.addEventListener("pointerleave", () => this.point(null, 0, 0));
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(canvas);
    this.resize();
  }

  stop(): void {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }

  highlight(device: number | null): void {
    this.device = device;
    this.request();
  }

  request(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  /** The first `time` of the chart, over the whole width. */
  showFirst(time: number): void {
    const left = nameWidth(this.width);
    const scale = time > 0 ? Math.max(this.chart.end / time, 1) : 1;
    select(this.canvas).call(this.behaviour.transform,
      zoomIdentity.translate(left * (1 - scale), 0).scale(scale));
  }

  zoomBy(factor: number): void {
    select(this.canvas).call(this.behaviour.scaleBy, factor);
  }

  panBy(x: number): void {
    select(this.canvas).call(this.behaviour.translateBy, x / this.transform.k, 0);
  }

  private x(): (time: number) => number {
    const scale = scaleLinear().domain([0, this.chart.end || 1])
      .range([nameWidth(this.width), this.width - 8]);
    return (time) => this.transform.applyX(scale(time));
  }

  private get laneHeight(): number {
    return this.chart.rows === 1 ? 30 : 14 * this.chart.rows + 4;
  }

  private resize(): void {
    const { clientWidth } = this.canvas;
    if (clientWidth === this.width || clientWidth === 0) return;
    const first = this.width === 0;
    this.width = clientWidth;
    const height = AXIS + this.chart.lanes.length * (this.laneHeight + GAP);
    const ratio = window.devicePixelRatio || 1;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.behaviour.extent([[0, 0], [clientWidth, height]])
      .translateExtent([[0, 0], [clientWidth, height]]);
    if (first) this.showFirst(this.chart.opening);
    this.request();
  }

  // From where on bars can reach into sight: bars are ordered by start.
  private *inSight(lane: number, from: number, to: number): Generator<Bar> {
    const bars = this.laneBars[lane]!;
    let [low, high] = [0, bars.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (bars[middle]!.start < from - this.longest) low = middle + 1;
      else high = middle;
    }
    for (let i = low; i < bars.length && bars[i]!.start <= to; ++i) {
      if (bars[i]!.end >= from) yield bars[i]!;
    }
  }

  private span(): [number, number] {
    const x = this.x();
    const [at0, at1] = [x(0), x(this.chart.end || 1)];
    const time = (pixel: number) => ((pixel - at0) / (at1 - at0)) * (this.chart.end || 1);
    return [time(nameWidth(this.width)), time(this.width)];
  }

  private draw(): void {
    const { context, chart } = this;
    if (this.width === 0) return;
    const colours = scheme();
    const ratio = this.canvas.width / this.width;
    const left = nameWidth(this.width);
    const height = this.canvas.height / ratio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, height);
    context.direction = "ltr";
    context.save();
    context.beginPath();
    context.rect(left, 0, this.width - left, height);
    context.clip();
    const x = this.x();
    const [from, to] = this.span();
    this.drawAxis(x, from, to, height);
    chart.lanes.forEach((_, i) => this.drawLane(i, x, from, to));
    context.restore();
    context.font = `12px ${FONT}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    chart.lanes.forEach((lane, i) => {
      const y = AXIS + i * (this.laneHeight + GAP) + this.laneHeight / 2;
      context.fillStyle = deviceColour(lane.device);
      context.beginPath();
      context.roundRect(0, y - 5, 10, 10, 3);
      context.fill();
      context.fillStyle = colours.ink;
      context.fillText(shorten(context, printable(lane.name, 40), left - 22), 16, y);
    });
  }

  private drawAxis(x: (time: number) => number, from: number, to: number, height: number): void {
    const { context } = this;
    const colours = scheme();
    context.font = `11px ${FONT}`;
    context.textBaseline = "middle";
    context.textAlign = "center";
    const count = Math.max(2, Math.floor((this.width - nameWidth(this.width)) / 110));
    for (const time of scaleLinear().domain([Math.max(from, 0), to]).ticks(count)) {
      if (time > this.chart.end * 1.0001) continue;
      const at = x(time);
      context.fillStyle = mix(colours.line, colours.surface, 0.6);
      context.fillRect(at, AXIS - 8, 1, height - AXIS + 8);
      context.fillStyle = colours.muted;
      context.textAlign = time === 0 ? "left" : "center";
      context.fillText(time === 0 ? "0" : formatTime(time), at, 9);
    }
  }

  private drawLane(lane: number, x: (time: number) => number, from: number, to: number): void {
    const { context, chart } = this;
    const { device, rows } = chart.lanes[lane]!;
    const colours = scheme();
    const hue = deviceColour(device);
    const top = AXIS + lane * (this.laneHeight + GAP);
    const row = this.laneHeight / rows;
    const fills = [mix(hue, colours.surface, 0.3), hue, mix(hue, colours.surface, 0.55)];
    context.globalAlpha = this.device !== null && this.device !== device ? 0.2 : 1;
    // What shows of this is a bubble.
    context.fillStyle = mix(colours.line, colours.surface, 0.35);
    const end = Math.min(x(chart.end), this.width);
    context.beginPath();
    context.roundRect(x(0), top, Math.max(end - x(0), 0), this.laneHeight, 3);
    context.fill();
    context.font = `10.5px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const bar of this.inSight(lane, from, to)) {
      const at = x(bar.start);
      const width = Math.max(x(bar.end) - at, 0.5);
      const backward = bar.kind >= 3;
      const fill = fills[bar.kind % 3]!;
      const y = top + bar.row * row;
      context.fillStyle = backward ? mix(fill, colours.ink, 0.62) : fill;
      context.fillRect(at, y, width > 3 ? width - 0.75 : width, row - (rows > 1 ? 1 : 0));
      if (width > 16 && row >= 12 && bar.words !== "") {
        context.fillStyle = colours.surface;
        context.fillText(bar.words, (Math.max(at, nameWidth(this.width)) + Math.min(at + width, this.width)) / 2, y + row / 2 + 0.5);
      }
      if (bar === this.hovered) {
        context.strokeStyle = colours.ink;
        context.lineWidth = 2;
        context.strokeRect(at, y, width, row);
      }
    }
    context.globalAlpha = 1;
  }

  private readonly hover = (event: MouseEvent) => {
    const lane = Math.floor((event.offsetY - AXIS) / (this.laneHeight + GAP));
    const within = event.offsetY - AXIS - lane * (this.laneHeight + GAP);
    let hit: Bar | null = null;
    if (lane >= 0 && lane < this.chart.lanes.length && within <= this.laneHeight && event.offsetX >= nameWidth(this.width)) {
      const row = Math.floor(within / (this.laneHeight / this.chart.lanes[lane]!.rows));
      const x = this.x();
      for (const bar of this.inSight(lane, ...this.span())) {
        if (bar.row === row && x(bar.start) <= event.offsetX && x(bar.end) >= event.offsetX) hit = bar;
      }
    }
    this.point(hit, event.offsetX, event.offsetY);
  };

  private point(bar: Bar | null, x: number, y: number): void {
    if (bar !== this.hovered) {
      this.hovered = bar;
      this.request();
    }
    this.tip.hidden = bar === null;
    if (!bar) return;
    this.tip.textContent = `${printable(this.chart.lanes[bar.lane]!.name, 40)} · ${bar.about} · ${formatTime(bar.start)} to ${formatTime(bar.end)}`;
    this.tip.style.left = `${Math.min(x, this.width - 220)}px`;
    this.tip.style.top = `${y + 16}px`;
  }
}

function shorten(context: CanvasRenderingContext2D, text: string, width: number): string {
  let shown = text;
  while (shown.length > 1 && context.measureText(shown).width > width) shown = `${shown.slice(0, -2)}…`;
  return shown;
}

function ChartView({ chart, device }: { chart: Chart; device: number | null }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const painter = useRef<Painter | null>(null);
  useLayoutEffect(() => {
    const made = new Painter(canvas.current!, chart, tip.current!);
    painter.current = made;
    return () => made.stop();
  }, [chart]);
  useEffect(() => painter.current!.highlight(device), [device, chart]);
  useEffect(() => onSchemeChange(() => painter.current!.request()), []);
  const key = (event: KeyboardEvent) => {
    if (event.key === "ArrowLeft") painter.current!.panBy(80);
    else if (event.key === "ArrowRight") painter.current!.panBy(-80);
    else if (event.key === "+" || event.key === "=") painter.current!.zoomBy(1.4);
    else if (event.key === "-") painter.current!.zoomBy(1 / 1.4);
    else if (event.key === "0") painter.current!.showFirst(chart.end);
    else return;
    event.preventDefault();
  };
  return (
    <div class="timeline-box">
      <div class="tools" role="group" aria-label="Timeline view">
        <button type="button" aria-label="Zoom in" onClick={() => painter.current!.zoomBy(1.6)}>+</button>
        <button type="button" aria-label="Zoom out" onClick={() => painter.current!.zoomBy(1 / 1.6)}>−</button>
        <button type="button" onClick={() => painter.current!.showFirst(chart.opening)}>Start</button>
        <button type="button" onClick={() => painter.current!.showFirst(chart.end)}>All</button>
      </div>
      <canvas ref={canvas} class="timeline-canvas" tabIndex={0} role="application" onKeyDown={key}
        aria-label="The timeline, drawn. Left and right move it, plus and minus zoom, 0 shows all of it. The table below has its sums." />
      <div ref={tip} class="tip" hidden />
    </div>
  );
}

function Uses({ timeline, plan }: { timeline: Timeline; plan: Placed }) {
  const order = useMemo(() => pipelineOrder(plan).filter((row) => row.stages > 0), [plan]);
  const [rows, more] = useFirst(order, 40);
  const training = timeline.uses.some((use) => use.versions > 0);
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label="Use of devices">
      <table>
        <thead><tr><th scope="col">device</th><th scope="col" class="number">busy</th>
          <th scope="col" class="number">bubble</th><th scope="col" class="number">in flight</th>
          {training && <th scope="col" class="number">weight versions</th>}</tr></thead>
        <tbody>{rows.map(({ device }) => {
          const use = timeline.uses[device]!;
          return (
            <tr key={device}><th scope="row"><Swatch device={device} /><Name text={plan.devices[device]!.name} /></th>
              <td class="number">{formatTime(use.busy)}</td><td class="number">{formatTime(use.bubble)}</td>
              <td class="number">{use.in_flight}</td>{training && <td class="number">{use.versions}</td>}</tr>
          );
        })}</tbody>
      </table>
      {more}
    </div>
  );
}

export function TimelinePart({ report, plan, device }: { report: Report; plan: Placed; device: number | null }) {
  const { timeline } = report;
  const latency = report.answer.latency;
  const chart = useMemo(
    () => timeline && chartOf(timeline, plan, report.serial, latency), [report, plan]);
  if (!timeline || !chart) {
    return (
      <Part id="timeline" title="Timeline">
        <p class="quiet"><Name text={`No timeline: ${report.timeline_note}`} longest={400} /></p>
      </Part>
    );
  }
  const lead = latency
    ? `One sample on its way through the devices, ${formatTime(timeline.makespan)} in all: the numbers are those of the stages.`
    : `Simulated with the schedule ${timeline.schedule}: ${timeline.micro_batches} micro-batches` +
      `${timeline.batch > 0 ? ` in batches of ${timeline.batch}` : ""} in ${formatTime(timeline.makespan)}, ` +
      `${formatTime(timeline.rate)} each once the pipeline is full. Where the lane shows, the device waits.`;
  return (
    <Part id="timeline" title="Timeline" lead={lead}>
      <div class="legend" aria-hidden="true">
        <span><i class="key in" />moving in</span><span><i class="key compute" />computing</span>
        <span><i class="key out" />moving out</span>
        {plan.operators.backward.length > 0 && <span><i class="key back" />backward</span>}
        <span><i class="key bubble" />waiting</span>
      </div>
      <ChartView chart={chart} device={device} />
      {timeline.num_slices > timeline.slices.starts.length && (
        <p class="quiet">The first {timeline.slices.starts.length.toLocaleString("en")} of {timeline.num_slices.toLocaleString("en")} activities are drawn.</p>
      )}
      <Uses timeline={timeline} plan={plan} />
    </Part>
  );
}
