// Tensors between the parts of a folded graph. For a tensor from operator a to operator b, the
// smallest node that holds both is where the two branches meet: there, it is a link between two of
// that node's children. Below, on either side, it enters or leaves a box.

import type { Tensors } from "./data";
import type { Tree } from "./hierarchy";

export interface Link {
  from: number;
  to: number;
  tensors: number; // how many
  bytes: number; // of those whose size is known
  sized: number; // how many these are
}

export interface Links {
  inside: Map<number, Link[]>; // by the node that holds both ends
  enters: Uint8Array; // [nodes]: takes a tensor from outside of its parent
  leaves: Uint8Array; // [nodes]: sends one out of its parent
}

function depths(tree: Tree): Int32Array {
  const depth = new Int32Array(tree.parent.length);
  const visit = (node: number, d: number): void => {
    depth[node] = d;
    for (const child of tree.children[node]!) visit(child, d + 1);
  };
  visit(tree.root, 0);
  return depth;
}

export function buildLinks(tree: Tree, tensors: Tensors): Links {
  const depth = depths(tree);
  const count = tree.parent.length;
  const found = new Map<number, Link>();
  const lastTensor = new Map<number, number>(); // by link: so that a tensor counts once in each
  const links: Links = {
    inside: new Map(),
    enters: new Uint8Array(count),
    leaves: new Uint8Array(count),
  };
  let at = 0;
  for (let x = 0; x < tensors.producers.length; ++x) {
    const producer = tensors.producers[x]!;
    for (const end = at + tensors.counts[x]!; at < end; ++at) {
      let a = producer;
      let b = tensors.consumers[at]!;
      while (tree.parent[a] !== tree.parent[b]) {
        if (depth[a]! >= depth[b]!) {
          links.leaves[a] = 1;
          a = tree.parent[a]!;
        } else {
          links.enters[b] = 1;
          b = tree.parent[b]!;
        }
      }
      const key = a * count + b;
      let link = found.get(key);
      if (!link) {
        link = { from: a, to: b, tensors: 0, bytes: 0, sized: 0 };
        found.set(key, link);
        const holder = tree.parent[a]!;
        const list = links.inside.get(holder);
        if (list) list.push(link);
        else links.inside.set(holder, [link]);
      }
      if (lastTensor.get(key) === x) continue;
      lastTensor.set(key, x);
      ++link.tensors;
      const bytes = tensors.bytes[x];
      if (typeof bytes === "number") {
        link.bytes += bytes;
        ++link.sized;
      }
    }
  }
  return links;
}

/** Tensors by operator: what each one makes and takes. */
export class Wiring {
  private readonly firstConsumer: Int32Array;
  private readonly made: number[][];
  private readonly taken: number[][];

  constructor(private readonly tensors: Tensors, numOperators: number) {
    this.firstConsumer = new Int32Array(tensors.producers.length + 1);
    this.made = Array.from({ length: numOperators }, () => []);
    this.taken = Array.from({ length: numOperators }, () => []);
    let at = 0;
    for (let x = 0; x < tensors.producers.length; ++x) {
      this.firstConsumer[x] = at;
      this.made[tensors.producers[x]!]!.push(x);
      for (const end = at + tensors.counts[x]!; at < end; ++at) {
        this.taken[tensors.consumers[at]!]!.push(x);
      }
    }
    this.firstConsumer[tensors.producers.length] = at;
  }

  outputs(op: number): number[] {
    return this.made[op]!;
  }
  inputs(op: number): number[] {
    return this.taken[op]!;
  }
  producer(tensor: number): number {
    return this.tensors.producers[tensor]!;
  }
  consumers(tensor: number): number[] {
    return this.tensors.consumers.slice(this.firstConsumer[tensor],
      this.firstConsumer[tensor + 1]);
  }
  bytes(tensor: number): number | null {
    return this.tensors.bytes[tensor] ?? null;
  }
}
