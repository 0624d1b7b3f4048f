// The tree that the graph is folded by: stages; in a training stage its two passes; then blocks,
// from the scopes in operators' names, or from structure that repeats, or simply pieces of a long
// row. Leaves are operators, numbered as in the report; inner nodes come after them.

import type { Operators, Placed, Tensors } from "./data";
import { plural } from "./text";

export type Kind = "root" | "stage" | "pass" | "block" | "operator";

export interface Tree {
  numOperators: number;
  root: number;
  parent: number[];
  kind: Kind[];
  label: string[];
  children: number[][]; // [nodes]; of operators empty
  size: number[]; // [nodes]: operators inside
  stage: number[]; // [nodes]; -1 above stages
  device: number[]; // [nodes]; -1 above stages
  backward: boolean[]; // [nodes]: all operators inside are of the backward pass
}

// More members than this in one box make no picture: they are put into pieces.
const CROWD = 120;
const PIECE = 40;

class Builder {
  parent: number[];
  kind: Kind[];
  label: string[];
  children: number[][];
  private readonly nobody: number[] = [];

  constructor(private readonly placed: Placed, private readonly degree: Int32Array) {
    const n = placed.operators.ids.length;
    this.parent = new Array<number>(n).fill(-1);
    this.kind = new Array<Kind>(n).fill("operator");
    this.label = new Array<string>(n).fill("");
    this.children = new Array<number[]>(n).fill(this.nobody);
  }

  inner(kind: Kind, label: string): number {
    this.parent.push(-1);
    this.kind.push(kind);
    this.label.push(label);
    this.children.push([]);
    return this.parent.length - 1;
  }

  adopt(node: number, children: number[]): void {
    for (const child of children) this.parent[child] = node;
    this.children[node] = children;
  }

  // Nodes for operators by the scopes of their names, from the depth-th segment on.
  byScope(operators: number[], segments: string[][], depth: number): number[] {
    const groups = new Map<string, number[]>();
    const order: (string | number)[] = [];
    for (const op of operators) {
      const path = segments[op]!;
      if (depth >= path.length - 1) {
        this.label[op] = path.slice(Math.min(depth, path.length - 1)).join("/");
        order.push(op);
        continue;
      }
      const scope = path[depth]!;
      const group = groups.get(scope);
      if (group) {
        group.push(op);
      } else {
        groups.set(scope, [op]);
        order.push(scope);
      }
    }
    // A scope that holds all there is says nothing here; one that holds one operator is its name.
    const nodes = order.map((entry) => {
      if (typeof entry === "number") return entry;
      const group = groups.get(entry)!;
      if (group.length === 1) {
        this.label[group[0]!] = segments[group[0]!]!.slice(depth).join("/");
        return group[0]!;
      }
      let below = depth + 1;
      let label = entry;
      // Chains of scopes with nothing beside them are one.
      for (;;) {
        const next = segments[group[0]!]![below];
        const shared = group.every((op) => {
          const path = segments[op]!;
          return below < path.length - 1 && path[below] === next;
        });
        if (!shared) break;
        label += `/${next}`;
        ++below;
      }
      const node = this.inner("block", label);
      this.adopt(node, this.gather(this.byScope(group, segments, below)));
      return node;
    });
    return nodes;
  }

  // Puts too many nodes into pieces: of structure that repeats, else simply of a row.
  gather(nodes: number[]): number[] {
    if (nodes.length <= CROWD) return nodes;
    const repeated = this.byRepetition(nodes);
    if (repeated.length < nodes.length) return this.gather(repeated);
    const pieces: number[] = [];
    for (let i = 0; i < nodes.length; i += PIECE) {
      const members = nodes.slice(i, i + PIECE);
      const first = this.label[members[0]!]!;
      const last = this.label[members[members.length - 1]!]!;
      const piece = this.inner("block", `${first} … ${last}`);
      this.adopt(piece, members);
      pieces.push(piece);
    }
    return this.gather(pieces);
  }

  // Runs of nodes that follow one another at least twice become blocks.
  private byRepetition(nodes: number[]): number[] {
    const signs = nodes.map((node) => this.signature(node));
    const longest = Math.min(PIECE, Math.floor(nodes.length / 2));
    const result: number[] = [];
    for (let i = 0; i < nodes.length;) {
      let period = 0;
      let repeats = 0;
      for (let p = 2; p <= longest && i + 2 * p <= nodes.length; ++p) {
        if (signs[i] !== signs[i + p]) continue;
        let matched = 0;
        while (i + p + matched < nodes.length && signs[i + matched] === signs[i + p + matched]) {
          ++matched;
        }
        const times = 1 + Math.floor(matched / p);
        if (times >= 2 && times * p > repeats * period) [period, repeats] = [p, times];
      }
      if (repeats < 2) {
        result.push(nodes[i]!);
        ++i;
        continue;
      }
      for (let r = 0; r < repeats; ++r, i += period) {
        const members = nodes.slice(i, i + period);
        const block = this.inner("block", `${this.label[members[0]!]} … (${r + 1} of ${repeats})`);
        this.adopt(block, members);
        result.push(block);
      }
    }
    return result;
  }

  // Equal for nodes that look alike: names without their numbers, time, and number of tensors.
  private signature(node: number): string {
    const name = this.label[node]!.replace(/\d+/g, "#");
    if (this.kind[node] !== "operator") return name;
    return `${name} ${this.placed.operators.times[node]} ${this.degree[node]}`;
  }
}

function degrees(tensors: Tensors, n: number): Int32Array {
  const result = new Int32Array(n);
  let at = 0;
  for (let x = 0; x < tensors.producers.length; ++x) {
    const count = tensors.counts[x]!;
    result[tensors.producers[x]!]! += count;
    for (const end = at + count; at < end; ++at) ++result[tensors.consumers[at]!]!;
  }
  return result;
}

/** A name's segments: at slashes; where there is none, at dots. The last one is the operator's. */
export function split(name: string): string[] {
  const separator = name.includes("/") ? "/" : ".";
  const parts = name.split(separator).filter((part) => part !== "");
  return parts.length === 0 ? [name] : parts;
}

export function operatorName(operators: Operators, op: number): string {
  const name = operators.names[op];
  return typeof name === "string" ? name : operators.ids[op]!;
}

export function buildTree(placed: Placed): Tree {
  const { operators, stages, devices } = placed;
  const n = operators.ids.length;
  const segments = operators.ids.map((_, op) => split(operatorName(operators, op)));
  const isBackward = new Uint8Array(n);
  for (const op of operators.backward) isBackward[op] = 1;
  const builder = new Builder(placed, degrees(placed.tensors, n));
  const stageOf = new Map<number, number>();

  const stageNodes = stages.map((stage, s) => {
    const node = builder.inner("stage", `stage ${s + 1} · ${devices[stage.device]!.name}`);
    stageOf.set(node, s);
    const forward = stage.operators.filter((op) => isBackward[op] === 0);
    const backward = stage.operators.filter((op) => isBackward[op] === 1);
    const fold = (members: number[]) => builder.gather(builder.byScope(members, segments, 0));
    if (forward.length === 0 || backward.length === 0) {
      builder.adopt(node, fold(stage.operators));
    } else {
      const passes = [["forward", forward], ["backward", backward]] as const;
      builder.adopt(node, passes.map(([label, members]) => {
        const pass = builder.inner("pass", label);
        builder.adopt(pass, fold(members));
        return pass;
      }));
    }
    return node;
  });
  const root = builder.inner("root", plural(n, "operator"));
  builder.adopt(root, builder.gather(stageNodes));

  const count = builder.parent.length;
  const tree: Tree = {
    numOperators: n,
    root,
    parent: builder.parent,
    kind: builder.kind,
    label: builder.label,
    children: builder.children,
    size: new Array<number>(count).fill(0),
    stage: new Array<number>(count).fill(-1),
    device: new Array<number>(count).fill(-1),
    backward: new Array<boolean>(count).fill(false),
  };
  const visit = (node: number, stage: number): void => {
    const s = stageOf.get(node) ?? stage;
    tree.stage[node] = s;
    tree.device[node] = s < 0 ? -1 : stages[s]!.device;
    if (tree.kind[node] === "operator") {
      tree.size[node] = 1;
      tree.backward[node] = isBackward[node] === 1;
      return;
    }
    let backward = true;
    for (const child of tree.children[node]!) {
      visit(child, s);
      tree.size[node]! += tree.size[child]!;
      backward &&= tree.backward[child]!;
    }
    tree.backward[node] = backward;
  };
  visit(root, -1);
  return tree;
}
