// The drawn graph: a canvas that pans and zooms, so that thousands of boxes move smoothly.

import { select } from "d3-selection";
import { zoom, zoomIdentity, type ZoomBehavior, type ZoomTransform } from "d3-zoom";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { deviceColour, mix, onSchemeChange, scheme } from "./colours";
import { operatorName } from "./hierarchy";
import type { Point } from "./layout";
import { boxAt, type Scene, type SceneBox, type SceneLine } from "./scene";
import { formatBytes, formatTime, plural, printable } from "./text";
import type { View } from "./view";

export interface GraphHandle {
  fit(): void;
  zoomBy(factor: number): void;
  show(node: number): void;
}

interface Props {
  view: View;
  scene: Scene;
  selected: number | null;
  device: number | null;
  neighbours: { from: number; to: number }[]; // boxes that the selected one exchanges tensors with
  onSelect(node: number | null): void;
  onToggle(node: number): void;
  handle: { current: GraphHandle | null };
}

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const READABLE = 0.45; // below this scale, words are left out
const DIM = 0.16;

export function GraphView(props: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef<Painter | null>(null);

  useLayoutEffect(() => {
    const made = new Painter(canvas.current!);
    painter.current = made;
    return () => made.stop();
  }, []);
  useLayoutEffect(() => {
    painter.current!.update(props);
    props.handle.current = painter.current!;
  });
  useEffect(() => onSchemeChange(() => painter.current!.request()), []);

  const key = (event: KeyboardEvent) => {
    const step = 60;
    const pan: Record<string, [number, number]> = {
      ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step],
    };
    const move = pan[event.key];
    if (move) painter.current!.panBy(...move);
    else if (event.key === "+" || event.key === "=") painter.current!.zoomBy(1.3);
    else if (event.key === "-") painter.current!.zoomBy(1 / 1.3);
    else if (event.key === "0") painter.current!.fit();
    else if (event.key === "Enter" && props.selected !== null) props.onToggle(props.selected);
    else if (event.key === "Escape") props.onSelect(null);
    else return;
    event.preventDefault();
  };
  return (
    <canvas ref={canvas} class="graph-canvas" tabIndex={0} role="application" onKeyDown={key}
      aria-label="The operator graph, drawn. Arrow keys move it, plus and minus zoom, 0 shows all of it. The outline lists the same." />
  );
}

class Painter implements GraphHandle {
  private readonly context: CanvasRenderingContext2D;
  private readonly behaviour: ZoomBehavior<HTMLCanvasElement, unknown>;
  private readonly observer: ResizeObserver;
  private transform: ZoomTransform = zoomIdentity;
  private props: Props | null = null;
  private frame = 0;
  private width = 0;
  private height = 0;
  private fitted = false;
  private readonly fitting = new Map<string, string>();

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext("2d")!;
    this.behaviour = zoom<HTMLCanvasElement, unknown>()
      .scaleExtent([0.01, 4])
      // The wheel belongs to the page until the graph has been clicked.
      .filter((event: Event) => !(event instanceof WheelEvent) || event.ctrlKey || event.metaKey ||
        document.activeElement === canvas)
      .clickDistance(4)
      .on("zoom", (event: { transform: ZoomTransform }) => {
        this.transform = event.transform;
        this.request();
      });
    select(canvas).call(this.behaviour).on("dblclick.zoom", null);
    canvas.addEventListener("click", this.click);
    canvas.addEventListener("dblclick", this.open);
    canvas.addEventListener("pointermove", this.hover);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(canvas);
    this.resize();
  }

  stop(): void {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }

  update(props: Props): void {
    const before = this.props;
    this.props = props;
    if (before && before.scene !== props.scene && props.selected !== null) {
      this.keepInPlace(before.scene, props.scene, props.selected);
    }
    if (!this.fitted && this.width > 0) this.fit();
    this.request();
  }

  request(): void {
    if (this.frame === 0) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
    }
  }

  fit(): void {
    if (!this.props || this.width === 0) return;
    const { width, height } = this.props.scene;
    const scale = Math.min(1, (this.width - 32) / width, (this.height - 32) / height);
    this.fitted = true;
    this.moveTo(zoomIdentity
      .translate((this.width - width * scale) / 2, (this.height - height * scale) / 2).scale(scale));
  }

  zoomBy(factor: number): void {
    select(this.canvas).call(this.behaviour.scaleBy, factor);
  }

  panBy(x: number, y: number): void {
    this.moveTo(zoomIdentity.translate(this.transform.x + x, this.transform.y + y)
      .scale(this.transform.k));
  }

  show(node: number): void {
    const box = this.props?.scene.byNode.get(node);
    if (!box) return;
    const room = Math.min((this.width - 80) / box.width, (this.height - 80) / box.height);
    const scale = Math.min(1.1, Math.max(Math.min(this.transform.k, room), Math.min(room, 0.9)));
    this.moveTo(zoomIdentity
      .translate(this.width / 2 - (box.x + box.width / 2) * scale,
        this.height / 2 - (box.y + box.height / 2) * scale)
      .scale(scale));
  }

  private moveTo(transform: ZoomTransform): void {
    select(this.canvas).call(this.behaviour.transform, transform);
  }

  // A box that is opened stays under the pointer while the others make room.
  private keepInPlace(before: Scene, after: Scene, node: number): void {
    const a = before.byNode.get(node);
    const b = after.byNode.get(node);
    if (!a || !b) return;
    const { k, x, y } = this.transform;
    this.moveTo(zoomIdentity.translate(x + (a.x - b.x) * k, y + (a.y - b.y) * k).scale(k));
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.canvas;
    if (clientWidth === this.width && clientHeight === this.height) return;
    [this.width, this.height] = [clientWidth, clientHeight];
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    if (this.props && !this.fitted) this.fit();
    this.request();
  }

  private readonly click = (event: MouseEvent) => {
    const box = this.boxOf(event);
    this.props?.onSelect(box ? box.node : null);
  };
  private readonly open = (event: MouseEvent) => {
    const box = this.boxOf(event);
    if (box && this.props!.view.tree.kind[box.node] !== "operator") this.props!.onToggle(box.node);
  };
  private readonly hover = (event: MouseEvent) => {
    const box = event.buttons === 0 ? this.boxOf(event) : null;
    this.canvas.style.cursor = box ? "pointer" : "grab";
  };

  private boxOf(event: MouseEvent): SceneBox | null {
    if (!this.props) return null;
    const [x, y] = this.transform.invert([event.offsetX, event.offsetY]);
    return boxAt(this.props.scene, x, y);
  }

  private draw(): void {
    if (!this.props || this.width === 0) return;
    const { context, transform } = this;
    const ratio = this.canvas.width / this.width;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.setTransform(ratio * transform.k, 0, 0, ratio * transform.k, ratio * transform.x,
      ratio * transform.y);
    context.direction = "ltr";
    const [left, top] = transform.invert([0, 0]);
    const [right, bottom] = transform.invert([this.width, this.height]);
    const { scene } = this.props;
    const seen = (box: { x: number; y: number; width: number; height: number }) =>
      box.x <= right && box.x + box.width >= left && box.y <= bottom && box.y + box.height >= top;
    for (const box of scene.boxes) if (seen(box)) this.drawBox(box);
    for (const line of scene.lines) {
      if (line.left <= right && line.right >= left && line.top <= bottom && line.bottom >= top) {
        this.drawLine(line);
      }
    }
    context.globalAlpha = 1;
    for (const line of scene.lines) {
      if (line.label && line.left <= right && line.right >= left) this.drawWords(line);
    }
    this.drawNeighbours();
    this.drawSelection();
  }

  private dimmed(device: number): boolean {
    return this.props!.device !== null && device >= 0 && device !== this.props!.device;
  }

  private drawBox(box: SceneBox): void {
    const { context } = this;
    const { tree } = this.props!.view;
    const colours = scheme();
    const device = tree.device[box.node]!;
    const hue = device < 0 ? colours.muted : deviceColour(device);
    const operator = tree.kind[box.node] === "operator";
    context.globalAlpha = this.dimmed(device) ? DIM : 1;
    context.beginPath();
    context.roundRect(box.x, box.y, box.width, box.height, operator ? 6 : 10);
    context.fillStyle = mix(hue, colours.surface, box.open ? 0.06 : operator ? 0.13 : 0.2);
    context.fill();
    context.lineWidth = box.open ? 1 : 1.25;
    context.strokeStyle = mix(hue, colours.surface, box.open ? 0.45 : 0.75);
    context.stroke();
    // A word that would be a speck is not worth its time.
    if (this.transform.k * (box.open ? Math.min(box.width / 150, 6) : 1) > READABLE) {
      this.drawTitle(box, operator, hue);
    }
  }

  private drawTitle(box: SceneBox, operator: boolean, hue: string): void {
    const { context } = this;
    const { view } = this.props!;
    const { tree } = view;
    const colours = scheme();
    const pad = operator ? 8 : 12;
    context.textBaseline = "middle";
    context.textAlign = "left";
    if (box.open) {
      // Titles of large boxes stay readable from afar.
      const size = Math.max(12, Math.min(12 / this.transform.k, 26, box.width / 14));
      context.font = `600 ${size}px ${FONT}`;
      context.fillStyle = mix(hue, colours.ink, 0.35);
      const text = this.fitText(`▾ ${printable(tree.label[box.node]!)}`, box.width - 2 * pad);
      context.fillText(text, box.x + pad, box.y + 16);
      return;
    }
    context.fillStyle = colours.ink;
    if (operator) {
      context.font = `11.5px ${FONT}`;
      context.fillText(this.fitText(printable(tree.label[box.node]!), box.width - 2 * pad - 46),
        box.x + pad, box.y + box.height / 2 + 0.5);
      context.textAlign = "right";
      context.fillStyle = colours.muted;
      context.font = `10px ${FONT}`;
      const time = view.placed.operators.times[box.node];
      context.fillText(typeof time === "number" ? formatTime(time) : "", box.x + box.width - pad,
        box.y + box.height / 2 + 0.5);
      return;
    }
    context.font = `600 12px ${FONT}`;
    context.fillText(this.fitText(`▸ ${printable(tree.label[box.node]!)}`, box.width - 2 * pad),
      box.x + pad, box.y + 17);
    context.font = `11px ${FONT}`;
    context.fillStyle = colours.muted;
    context.fillText(`${plural(tree.size[box.node]!, "operator")} · ${formatTime(view.timeOf(box.node))}`,
      box.x + pad, box.y + 33);
  }

  private drawLine(line: SceneLine): void {
    const { context } = this;
    const { tree } = this.props!.view;
    const colours = scheme();
    const device = tree.device[line.holder]!;
    const border = line.label !== null;
    const ends = [line.from, line.to].filter((node) => node >= 0);
    const apart = this.props!.device !== null &&
      !ends.some((node) => tree.device[node] === this.props!.device || tree.device[node]! < 0);
    context.globalAlpha = apart ? DIM : 1;
    const hue = border || device < 0 ? colours.muted : mix(deviceColour(device), colours.muted, 0.4);
    context.strokeStyle = line.link ? hue : mix(hue, colours.surface, 0.5);
    context.lineWidth = border ? 1.6 : 1.1;
    const back = border && ends.length === 2 && line.points[0]!.x > line.points[line.points.length - 1]!.x;
    context.setLineDash(back ? [5, 4] : []);
    this.trace(line.points);
    context.stroke();
    context.setLineDash([]);
    if (this.transform.k > 0.3) this.drawHead(line.points);
  }

  // A smooth line: straight at the ends, and rounded at the points between.
  private trace(points: Point[]): void {
    const { context } = this;
    context.beginPath();
    context.moveTo(points[0]!.x, points[0]!.y);
    for (let i = 1; i + 1 < points.length; ++i) {
      const [a, b] = [points[i]!, points[i + 1]!];
      const last = i + 2 === points.length;
      const end = last ? b : { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
      context.quadraticCurveTo(a.x, a.y, end.x, end.y);
    }
    if (points.length === 2) context.lineTo(points[1]!.x, points[1]!.y);
  }

  private drawHead(points: Point[]): void {
    const { context } = this;
    const end = points[points.length - 1]!;
    const before = points[points.length - 2]!;
    const angle = Math.atan2(end.y - before.y, end.x - before.x);
    const size = 6;
    context.fillStyle = context.strokeStyle;
    context.beginPath();
    context.moveTo(end.x, end.y);
    for (const side of [-0.45, 0.45]) {
      context.lineTo(end.x - size * Math.cos(angle + side), end.y - size * Math.sin(angle + side));
    }
    context.fill();
  }

  // What crosses from one stage to another, in words.
  private drawWords(line: SceneLine): void {
    const { link, label } = line;
    if (!link || !label) return;
    const { context } = this;
    const colours = scheme();
    const size = Math.max(11, Math.min(10.5 / this.transform.k, 15));
    if (size * this.transform.k < 6) return;
    context.globalAlpha = 1;
    context.font = `${size}px ${FONT}`;
    const words = link.sized > 0 ? formatBytes(link.bytes) : plural(link.tensors, "tensor");
    const width = context.measureText(words).width + 10;
    context.beginPath();
    context.roundRect(label.x - width / 2, label.y - size * 0.75, width, size * 1.5, size * 0.75);
    context.fillStyle = colours.surface;
    context.fill();
    context.lineWidth = 1;
    context.strokeStyle = colours.line;
    context.stroke();
    context.fillStyle = colours.ink;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(words, label.x, label.y + 0.5);
  }

  private drawNeighbours(): void {
    const { context } = this;
    const { scene, neighbours } = this.props!;
    context.strokeStyle = scheme().ink;
    context.lineWidth = 1.8 / Math.sqrt(this.transform.k);
    for (const { from, to } of neighbours) {
      const [a, b] = [scene.byNode.get(from), scene.byNode.get(to)];
      if (!a || !b) continue;
      const [start, end] = [facing(a, b), facing(b, a)];
      const bend = Math.max(24, Math.abs(end.y - start.y) / 2);
      const [down, up] = end.y >= start.y ? [bend, -bend] : [-bend, bend];
      context.beginPath();
      context.moveTo(start.x, start.y);
      context.bezierCurveTo(start.x, start.y + down, end.x, end.y + up, end.x, end.y);
      context.stroke();
      this.drawHead([{ x: end.x, y: end.y + up }, end]);
    }
  }

  private drawSelection(): void {
    const box = this.props!.selected === null ? null : this.props!.scene.byNode.get(this.props!.selected);
    if (!box) return;
    const { context } = this;
    context.globalAlpha = 1;
    context.lineWidth = 2.5 / Math.max(this.transform.k, 0.4);
    context.strokeStyle = scheme().ink;
    context.beginPath();
    context.roundRect(box.x - 2, box.y - 2, box.width + 4, box.height + 4, 9);
    context.stroke();
  }

  // The text, shortened until it fits; remembered, since measuring is slow.
  private fitText(text: string, width: number): string {
    const key = `${this.context.font}|${Math.round(width)}|${text}`;
    const known = this.fitting.get(key);
    if (known !== undefined) return known;
    let shown = text;
    if (this.context.measureText(text).width > width) {
      let [low, high] = [0, text.length];
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (this.context.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
        else high = middle - 1;
      }
      shown = `${text.slice(0, low)}…`;
    }
    this.fitting.set(key, shown);
    return shown;
  }
}

// The middle of the side that faces the other box.
function facing(box: SceneBox, other: SceneBox): Point {
  const below = other.y + other.height / 2 > box.y + box.height / 2;
  return { x: box.x + box.width / 2, y: below ? box.y + box.height : box.y };
}

export function labelOf(view: View, node: number): string {
  return view.tree.kind[node] === "operator"
    ? operatorName(view.placed.operators, node)
    : view.tree.label[node]!;
}
