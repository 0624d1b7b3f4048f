// The drawn graph: a canvas that pans and zooms, so that thousands of boxes move smoothly.

import { select } from "d3-selection";
import { curveMonotoneX, curveMonotoneY, line as lineThrough } from "d3-shape";
import { zoom, zoomIdentity, type ZoomBehavior, type ZoomTransform } from "d3-zoom";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { deviceColour, mix, onSchemeChange, scheme } from "./colours";
import { operatorName, type Tree } from "./hierarchy";
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
const DIM = 0.16;
const FAR = 0.3; // at smaller scales there is no room for arrow heads and round corners

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

type BoxKind = "open" | "closed" | "operator";

function kindOf(box: SceneBox, tree: Tree): BoxKind {
  return box.open ? "open" : tree.kind[box.node] === "operator" ? "operator" : "closed";
}

function hueOf(device: number): string {
  return device < 0 ? scheme().muted : deviceColour(device);
}

function fillOf(kind: BoxKind, device: number): string {
  return mix(hueOf(device), scheme().surface, { open: 0.06, closed: 0.2, operator: 0.13 }[kind]);
}

// Lines between stages run along the pipeline, all others down or up.
function isAcross(line: SceneLine, wide: boolean): boolean {
  return line.label !== null && wide;
}

function runsBack(line: SceneLine, wide: boolean): boolean {
  const [start, end] = [line.points[0]!, line.points[line.points.length - 1]!];
  return line.label !== null && (wide ? start.x > end.x : start.y > end.y);
}

// A smooth line through all points, which never turns back on its way along or down.
function shape(line: SceneLine, wide: boolean): Path2D {
  const curve = isAcross(line, wide) ? curveMonotoneX : curveMonotoneY;
  return new Path2D(lineThrough<Point>((p) => p.x, (p) => p.y).curve(curve)(line.points)!);
}

// A scene in few strokes: what has the same look in one path, outer boxes first.
interface Afar {
  scene: Scene;
  boxes: { kind: BoxKind; device: number; path: Path2D }[];
  lines: { device: number; back: boolean; path: Path2D }[];
}

function gather(scene: Scene, tree: Tree, wide: boolean): Afar {
  const boxes = new Map<string, Afar["boxes"][number] & { depth: number }>();
  for (const box of scene.boxes) {
    let depth = 0;
    for (let at = tree.parent[box.node]!; at >= 0; at = tree.parent[at]!) ++depth;
    const kind = kindOf(box, tree);
    const device = tree.device[box.node]!;
    const key = `${depth} ${kind} ${device}`;
    const group = boxes.get(key) ?? { depth, kind, device, path: new Path2D() };
    group.path.rect(box.x, box.y, box.width, box.height);
    boxes.set(key, group);
  }
  const lines = new Map<string, Afar["lines"][number]>();
  for (const line of scene.lines) {
    const device = tree.device[line.holder]!;
    const back = runsBack(line, wide);
    const key = `${device} ${back}`;
    const group = lines.get(key) ?? { device, back, path: new Path2D() };
    group.path.addPath(shape(line, wide));
    lines.set(key, group);
  }
  return { scene, boxes: [...boxes.values()].sort((a, b) => a.depth - b.depth), lines: [...lines.values()] };
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
  private readonly widths = new Map<string, number>();
  private afar: Afar | null = null;
  private readonly paths = new WeakMap<SceneLine, Path2D>();

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
    if (transform.k < FAR) {
      this.drawFromAfar(scene);
    } else {
      for (const box of scene.boxes) if (seen(box)) this.drawBox(box);
      for (const line of scene.lines) {
        if (line.left <= right && line.right >= left && line.top <= bottom && line.bottom >= top) {
          this.drawLine(line);
        }
      }
    }
    for (const box of scene.boxes) if (seen(box)) this.drawTitle(box);
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
    const device = tree.device[box.node]!;
    const kind = kindOf(box, tree);
    context.globalAlpha = this.dimmed(device) ? DIM : 1;
    context.beginPath();
    context.roundRect(box.x, box.y, box.width, box.height, kind === "operator" ? 6 : 10);
    context.fillStyle = fillOf(kind, device);
    context.fill();
    context.lineWidth = box.open ? 1 : 1.25;
    context.strokeStyle = mix(hueOf(device), scheme().surface, box.open ? 0.45 : 0.75);
    context.stroke();
  }

  // When all is in sight, what looks alike is drawn in one go: thousands of strokes would stutter.
  private drawFromAfar(scene: Scene): void {
    const { context } = this;
    const { tree } = this.props!.view;
    if (this.afar?.scene !== scene) this.afar = gather(scene, tree, this.props!.view.wide);
    for (const { kind, device, path } of this.afar.boxes) {
      context.globalAlpha = this.dimmed(device) ? DIM : 1;
      context.fillStyle = fillOf(kind, device);
      context.fill(path);
      context.lineWidth = 1;
      context.strokeStyle = mix(hueOf(device), scheme().surface, kind === "open" ? 0.45 : 0.75);
      if (kind !== "operator") context.stroke(path);
    }
    context.lineWidth = 1.2;
    for (const { device, back, path } of this.afar.lines) {
      context.globalAlpha = this.dimmed(device) ? DIM : 1;
      context.strokeStyle = mix(hueOf(device), scheme().muted, 0.4);
      context.setLineDash(back ? [5, 4] : []);
      context.stroke(path);
    }
    context.setLineDash([]);
  }

  private drawTitle(box: SceneBox): void {
    const { context } = this;
    const { view } = this.props!;
    const { tree } = view;
    const operator = tree.kind[box.node] === "operator";
    const { k } = this.transform;
    const pad = operator ? 8 : 12;
    const room = box.width - 2 * pad;
    // Seen from afar, titles grow as far as their boxes let them.
    const most = box.open ? 24 : operator ? 11.5 : 17;
    let size = Math.min(Math.max(operator ? 11.5 : 12, 10 / k), most);
    // A word that would be a speck is not worth its time.
    if (size * k < 4.5) return;
    const colours = scheme();
    const device = tree.device[box.node]!;
    context.globalAlpha = this.dimmed(device) ? DIM : 1;
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.font = `${operator ? 400 : 600} ${size}px ${FONT}`;
    context.fillStyle = box.open ? mix(hueOf(device), colours.ink, 0.35) : colours.ink;
    const label = printable(tree.label[box.node]!);
    const title = operator ? label : `${box.open ? "▾" : "▸"} ${label}`;
    if (!operator && size > 12) {
      size = Math.max(12, size * Math.min(1, room / this.widthOf(title)));
      context.font = `600 ${size}px ${FONT}`;
    }
    if (operator) {
      context.fillText(this.fitText(label, room - 46), box.x + pad, box.y + box.height / 2 + 0.5);
      context.textAlign = "right";
      context.fillStyle = colours.muted;
      context.font = `10px ${FONT}`;
      const time = view.placed.operators.times[box.node];
      context.fillText(typeof time === "number" ? formatTime(time) : "", box.x + box.width - pad,
        box.y + box.height / 2 + 0.5);
      return;
    }
    const alone = !box.open && size > 13; // no room for a second line
    const y = alone ? box.y + box.height / 2 : box.y + (box.open ? 16 : 17);
    context.fillText(this.fitText(title, room), box.x + pad, y + 0.5);
    if (box.open || alone) return;
    context.font = `11px ${FONT}`;
    context.fillStyle = colours.muted;
    context.fillText(`${plural(tree.size[box.node]!, "operator")} · ${formatTime(view.timeOf(box.node))}`,
      box.x + pad, box.y + 33);
  }

  private drawLine(line: SceneLine): void {
    const { context } = this;
    const { points } = line;
    const { tree } = this.props!.view;
    const colours = scheme();
    const device = tree.device[line.holder]!;
    const border = line.label !== null;
    const ends = [line.from, line.to].filter((node) => node >= 0);
    const apart = this.props!.device !== null &&
      !ends.some((node) => tree.device[node] === this.props!.device || tree.device[node]! < 0);
    context.globalAlpha = apart ? DIM : 1;
    const hue = mix(hueOf(border ? -1 : device), colours.muted, 0.4);
    context.strokeStyle = line.link ? hue : mix(hue, colours.surface, 0.5);
    context.lineWidth = border ? 1.6 : 1.1;
    context.setLineDash(runsBack(line, this.props!.view.wide) ? [5, 4] : []);
    context.stroke(this.pathOf(line));
    context.setLineDash([]);
    this.drawHead(points, isAcross(line, this.props!.view.wide));
  }

  // Remembered, since shaping a line takes longer than drawing it.
  private pathOf(line: SceneLine): Path2D {
    let path = this.paths.get(line);
    if (!path) {
      path = shape(line, this.props!.view.wide);
      this.paths.set(line, path);
    }
    return path;
  }

  // Lines arrive along the flow.
  private drawHead(points: Point[], across: boolean): void {
    const { context } = this;
    const end = points[points.length - 1]!;
    const before = points[points.length - 2]!;
    const angle = across ? (end.x >= before.x ? 0 : Math.PI)
      : before.y === end.y ? (end.x >= before.x ? 0 : Math.PI)
      : (end.y >= before.y ? 1 : -1) * (Math.PI / 2);
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
    const size = Math.max(11, Math.min(9 / this.transform.k, 15));
    if (size * this.transform.k < 5.5) return;
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
      this.drawHead([{ x: end.x, y: end.y + up }, end], false);
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

  private widthOf(text: string): number {
    const key = `${this.context.font}|${text}`;
    let width = this.widths.get(key);
    if (width === undefined) {
      width = this.context.measureText(text).width;
      this.widths.set(key, width);
    }
    return width;
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
