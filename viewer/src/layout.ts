// Where the boxes of a folded graph lie. Each open box is laid out by itself, from the sizes of its
// children, so that opening one changes only those around it; what is closed costs nothing.

import { Graph, layout as layoutGraph } from "@dagrejs/dagre";
import type { Tree } from "./hierarchy";
import type { Link, Links } from "./links";

export interface Point {
  x: number;
  y: number;
}

export interface Route {
  link: Link | null; // null: leads through the border of the box
  from: number; // node, or -1: the border
  to: number;
  points: Point[]; // relative to the box
  label: Point | null; // where there is room for words
}

export interface Arrangement {
  width: number;
  height: number;
  places: Map<number, Point>; // top left corner of each child, relative to the box
  routes: Route[];
}

export const HEADER = 30; // height of an open box's title
const MARGIN = 14;
const CLOSED = { width: 190, height: 46 };
const OPERATOR = { width: 172, height: 30 };
const PORT = { width: 1, height: 1 };
const WORDS = { width: 76, height: 18, labelpos: "c" };
const LANE = 11; // between what flows forward and what flows back
// Beyond this many links, the best order of the boxes is not worth the wait.
const MANY_LINKS = 400;

export class Layouts {
  private readonly known = new Map<number, Arrangement>();

  constructor(private readonly tree: Tree, private readonly links: Links,
    private readonly isOpen: (node: number) => boolean, private readonly wide: boolean) {}

  /** To be called when a node has been opened or closed. */
  forget(node: number): void {
    for (let at = node; at >= 0; at = this.tree.parent[at]!) this.known.delete(at);
  }

  clear(): void {
    this.known.clear();
  }

  size(node: number): { width: number; height: number } {
    if (this.tree.kind[node] === "operator") return OPERATOR;
    return this.isOpen(node) ? this.of(node) : CLOSED;
  }

  /** Of an open node. */
  of(node: number): Arrangement {
    let arrangement = this.known.get(node);
    if (!arrangement) {
      arrangement = this.isTwoPasses(node) ? this.twoPasses(node) : this.layered(node);
      this.known.set(node, arrangement);
    }
    return arrangement;
  }

  private isTwoPasses(node: number): boolean {
    const children = this.tree.children[node]!;
    return children.length === 2 && children.every((child) => this.tree.kind[child] === "pass");
  }

  private holdsStages(node: number): boolean {
    return this.tree.kind[this.tree.children[node]![0]!] === "stage" || node === this.tree.root;
  }

  // Forward to the left, backward to the right: the one flows down and the other up. While both are
  // closed they stand one above the other, and the stage stays narrow.
  private twoPasses(node: number): Arrangement {
    const [forward, backward] = this.tree.children[node]! as [number, number];
    const a = this.size(forward);
    const b = this.size(backward);
    const stacked = !this.isOpen(forward) && !this.isOpen(backward);
    const gap = stacked ? 26 : 40;
    const width = stacked ? Math.max(a.width, b.width) : a.width + gap + b.width;
    const height = stacked ? a.height + gap + b.height : Math.max(a.height, b.height);
    const first = { x: MARGIN, y: HEADER + (stacked ? 0 : (height - a.height) / 2) };
    const second = stacked
      ? { x: MARGIN, y: HEADER + a.height + gap }
      : { x: MARGIN + a.width + gap, y: HEADER + (height - b.height) / 2 };
    const middle = HEADER + height / 2;
    const routes: Route[] = (this.links.inside.get(node) ?? []).map((link) => {
      const points = stacked
        ? [{ x: MARGIN + width / 2, y: HEADER + a.height }, { x: MARGIN + width / 2, y: second.y }]
        : [{ x: first.x + a.width, y: middle }, { x: second.x, y: middle }];
      return { link, from: link.from, to: link.to, label: null,
        points: link.from === forward ? points : points.reverse() };
    });
    return {
      width: width + 2 * MARGIN,
      height: HEADER + height + MARGIN,
      places: new Map([[forward, first], [backward, second]]),
      routes,
    };
  }

  private layered(node: number): Arrangement {
    const { tree } = this;
    const children = tree.children[node]!;
    const rank = new Map(children.map((child, i) => [child, i]));
    const links = this.links.inside.get(node) ?? [];
    const stages = this.holdsStages(node);
    // A pipeline runs to the right where there is room; a stage's backward pass flows up.
    const across = stages && this.wide;
    const upward = tree.backward[node]! && !stages;
    const flow: Flow = across ? "LR" : upward ? "BT" : "TB";
    const turned = (route: Route) =>
      route.link !== null && rank.get(route.from)! > rank.get(route.to)! && !upward;

    const routes: Route[] = links.map((link) =>
      ({ link, from: link.from, to: link.to, points: [], label: null }));
    if (tree.kind[node] === "block" && !stages) routes.push(...this.throughBorder(children));

    const graph = new Graph({ multigraph: true });
    graph.setGraph({
      rankdir: flow,
      nodesep: stages ? 40 : 22,
      ranksep: stages ? 18 : 32,
      edgesep: 14,
      marginx: MARGIN,
      marginy: MARGIN,
      ranker: links.length > MANY_LINKS ? "longest-path" : "network-simplex",
    });
    for (const child of children) graph.setNode(`${child}`, { ...this.size(child) });
    if (routes.some((route) => route.from < 0)) graph.setNode("in", { ...PORT });
    if (routes.some((route) => route.to < 0)) graph.setNode("out", { ...PORT });
    const ends = (route: Route): [string, string] => {
      const from = route.from < 0 ? "in" : `${route.from}`;
      const to = route.to < 0 ? "out" : `${route.to}`;
      // What runs against the order of the children, as gradients do, is laid out the other way.
      return turned(route) ? [to, from] : [from, to];
    };
    routes.forEach((route, i) => graph.setEdge(...ends(route), stages ? { ...WORDS } : {}, `${i}`));
    layoutGraph(graph);

    const top = node === tree.root ? 0 : HEADER - MARGIN / 2;
    const size = graph.graph() as { width: number; height: number };
    const places = new Map<number, Point>();
    for (const child of children) {
      const { x, y, width, height } = graph.node(`${child}`) as Box;
      places.set(child, { x: x - width / 2, y: y - height / 2 + top });
    }
    const height = size.height + top;
    routes.forEach((route, i) => {
      const [v, w] = ends(route);
      const edge = graph.edge({ v, w, name: `${i}` }) as { points: Point[]; x?: number; y?: number };
      const path = edge.points.map(({ x, y }) => ({ x, y: y + top }));
      const back = turned(route);
      const lane = !stages ? 0 : back ? LANE : -LANE;
      const border = (above: boolean) => ({ x: size.width / 2, y: above ? top + MARGIN / 2 : height });
      path[0] = v === "in" ? border(!upward) : this.meet(Number(v), places, flow, true, lane);
      path[path.length - 1] =
        w === "out" ? border(upward) : this.meet(Number(w), places, flow, false, lane);
      route.points = back ? path.reverse() : path;
      if (stages) route.label = { x: edge.x!, y: edge.y! + top };
    });
    return { width: Math.max(size.width, CLOSED.width), height, places, routes };
  }

  private throughBorder(children: number[]): Route[] {
    const routes: Route[] = [];
    for (const child of children) {
      const route = { link: null, points: [], label: null };
      if (this.links.enters[child]) routes.push({ ...route, from: -1, to: child });
      if (this.links.leaves[child]) routes.push({ ...route, from: child, to: -1 });
    }
    return routes;
  }

  // Where links meet a box: in the middle of the sides that face along the flow.
  private meet(child: number, places: Map<number, Point>, flow: Flow, out: boolean, lane: number): Point {
    const { x, y } = places.get(child)!;
    const { width, height } = this.size(child);
    if (flow === "LR") return { x: out ? x + width : x, y: y + height / 2 + lane };
    const lower = out === (flow === "TB");
    return { x: x + width / 2 + lane, y: lower ? y + height : y };
  }
}

type Flow = "LR" | "TB" | "BT";

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}
