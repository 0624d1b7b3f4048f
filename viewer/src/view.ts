// All that is known about a placed graph, and which of its boxes are open.

import type { Placed } from "./data";
import { buildTree, operatorName, type Tree } from "./hierarchy";
import { Layouts } from "./layout";
import { buildLinks, Wiring, type Links } from "./links";

// So many boxes may be opened at once: more make neither a quick page nor a picture.
export const MOST_BOXES = 2500;
const FIRST_BOXES = 60;

export class View {
  readonly tree: Tree;
  readonly links: Links;
  readonly wiring: Wiring;
  readonly layouts: Layouts;
  readonly open = new Set<number>();
  private readonly times = new Map<number, number>();
  private names: string[] | null = null;

  constructor(readonly placed: Placed, readonly wide: boolean) {
    this.tree = buildTree(placed);
    this.links = buildLinks(this.tree, placed.tensors);
    this.wiring = new Wiring(placed.tensors, this.tree.numOperators);
    this.layouts = new Layouts(this.tree, this.links, (node) => this.isOpen(node), wide);
    this.open.add(this.tree.root);
    while (this.openLevel(FIRST_BOXES) === "opened") continue;
  }

  isOpen(node: number): boolean {
    return this.open.has(node);
  }

  toggle(node: number): void {
    if (this.tree.kind[node] === "operator") return;
    if (this.open.has(node)) this.open.delete(node);
    else this.open.add(node);
    this.layouts.forget(node);
  }

  /** Opens all that holds the node. */
  reveal(node: number): void {
    for (let at = this.tree.parent[node]!; at >= 0; at = this.tree.parent[at]!) {
      if (this.open.has(at)) continue;
      this.open.add(at);
      this.layouts.forget(at);
    }
  }

  /** Opens what is closed in sight, where that makes no more than so many boxes. */
  openLevel(most = MOST_BOXES): "opened" | "all are open" | "too many" {
    const closed: number[] = [];
    let count = 0;
    const visit = (node: number): void => {
      for (const child of this.tree.children[node]!) {
        ++count;
        if (this.tree.kind[child] === "operator") continue;
        if (this.open.has(child)) visit(child);
        else closed.push(child);
      }
    };
    visit(this.tree.root);
    for (const node of closed) count += this.tree.children[node]!.length;
    if (closed.length === 0) return "all are open";
    if (count > most) return "too many";
    for (const node of closed) {
      this.open.add(node);
      this.layouts.forget(node);
    }
    return "opened";
  }

  closeAll(): void {
    this.open.clear();
    this.open.add(this.tree.root);
    this.layouts.clear();
  }

  /** Of all operators inside, each on its own device. */
  timeOf(node: number): number {
    let time = this.times.get(node);
    if (time === undefined) {
      time = this.tree.kind[node] === "operator"
        ? this.placed.operators.times[node] ?? 0
        : this.tree.children[node]!.reduce((sum, child) => sum + this.timeOf(child), 0);
      this.times.set(node, time);
    }
    return time;
  }

  memoryOf(node: number): number {
    if (this.tree.kind[node] === "operator") return this.placed.operators.memory[node]!;
    return this.tree.children[node]!.reduce((sum, child) => sum + this.memoryOf(child), 0);
  }

  /** The innermost box in sight that holds the node. */
  inSight(node: number): number {
    let seen = node;
    for (let at = this.tree.parent[node]!; at >= 0; at = this.tree.parent[at]!) {
      if (!this.open.has(at)) seen = at;
    }
    return seen;
  }

  /** Operators whose name or id holds the words, in the order of the model. */
  search(words: string): number[] {
    const { operators } = this.placed;
    this.names ??= operators.ids.map((id, op) => {
      const name = operatorName(operators, op);
      return (name === id ? id : `${name}\n${id}`).toLowerCase();
    });
    const wanted = words.toLowerCase();
    const found: number[] = [];
    this.names.forEach((name, op) => {
      if (name.includes(wanted)) found.push(op);
    });
    return found;
  }
}
