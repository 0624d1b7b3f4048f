// What is to be drawn of a folded graph: boxes and lines in one plane.

import type { Tree } from "./hierarchy";
import type { Link } from "./links";
import type { Layouts, Point } from "./layout";

export interface SceneBox {
  node: number;
  x: number;
  y: number;
  width: number;
  height: number;
  open: boolean;
}

export interface SceneLine {
  link: Link | null;
  from: number;
  to: number;
  holder: number;
  points: Point[];
  label: Point | null;
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Scene {
  width: number;
  height: number;
  boxes: SceneBox[]; // those that hold others come first
  lines: SceneLine[];
  byNode: Map<number, SceneBox>;
}

export function buildScene(tree: Tree, layouts: Layouts, isOpen: (node: number) => boolean): Scene {
  const { width, height } = layouts.of(tree.root);
  const scene: Scene = { width, height, boxes: [], lines: [], byNode: new Map() };
  const place = (node: number, x: number, y: number): void => {
    const arrangement = layouts.of(node);
    for (const route of arrangement.routes) {
      const points = route.points.map((p) => ({ x: p.x + x, y: p.y + y }));
      const xs = points.map((p) => p.x);
      const ys = points.map((p) => p.y);
      scene.lines.push({ link: route.link, from: route.from, to: route.to, holder: node, points,
        label: route.label && { x: route.label.x + x, y: route.label.y + y },
        left: Math.min(...xs), right: Math.max(...xs),
        top: Math.min(...ys), bottom: Math.max(...ys) });
    }
    for (const child of tree.children[node]!) {
      const at = arrangement.places.get(child)!;
      const open = tree.kind[child] !== "operator" && isOpen(child);
      const box = { node: child, x: x + at.x, y: y + at.y, ...layouts.size(child), open };
      scene.boxes.push({ node: child, x: box.x, y: box.y, width: box.width, height: box.height, open });
      scene.byNode.set(child, scene.boxes[scene.boxes.length - 1]!);
      if (open) place(child, box.x, box.y);
    }
  };
  place(tree.root, 0, 0);
  return scene;
}

/** The innermost box at a point. */
export function boxAt(scene: Scene, x: number, y: number): SceneBox | null {
  for (let i = scene.boxes.length - 1; i >= 0; --i) {
    const box = scene.boxes[i]!;
    if (x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height) return box;
  }
  return null;
}
