// What the report holds: the other half of src/report/page_data.cc. Times in picoseconds, sizes in
// bytes, operators and tensors in columns.

export interface Device {
  name: string;
  class: string;
  load: number;
  in: number;
  compute: number;
  out: number;
  forward?: number;
  backward?: number;
  memory: number;
  memory_limit: number | null;
  mark: string;
  limited_by: string;
}

export interface Stage {
  device: number;
  operators: number[];
  start?: number;
  finish?: number;
}

export interface Operators {
  ids: string[];
  names: (string | 0)[];
  times: (number | null)[];
  memory: number[];
  backward: number[];
}

export interface Tensors {
  producers: number[];
  bytes: (number | null)[];
  counts: number[];
  consumers: number[];
}

export interface Crossings {
  tensors: number[];
  targets: number[];
  out: number[];
  in: number[];
}

export interface Slices {
  starts: number[];
  lengths: number[];
  devices: number[];
  stages: number[];
  kinds: number[];
  micro_batches: number[];
}

export interface Timeline {
  schedule: string;
  micro_batches: number;
  batch: number;
  depth: number;
  makespan: number;
  rate: number;
  num_slices: number;
  uses: { busy: number; bubble: number; in_flight: number; versions: number }[];
  slices: Slices;
}

export interface Rival {
  name: string;
  objective: number | null;
  feasible: boolean;
  note: string;
}

export interface Step {
  effort: number;
  incumbent: number | null;
  bound: number;
}

export interface Answer {
  sentence: string;
  advantage: string | null;
  status: "optimal" | "feasible" | "infeasible" | "none";
  objective: number | null;
  bound: number | null;
  gap: string | null;
  bound_method: string;
  latency: boolean;
}

export interface Placed {
  devices: Device[];
  stages: Stage[];
  operators: Operators;
  tensors: Tensors;
  crossings: Crossings;
}

export interface Report extends Partial<Placed> {
  format: string;
  model: string;
  answer: Answer;
  serial: boolean;
  rivals: Rival[];
  history: Step[];
  inputs: { label: string; value: string }[];
  machine: string;
  command: string;
  timeline: Timeline | null;
  timeline_note: string;
}

export const FORMAT = "cleave.report/1";

export function readReport(): Report {
  const text = document.getElementById("data")?.textContent ?? "";
  const report = JSON.parse(text) as Report;
  if (report.format !== FORMAT) throw new Error(`the report's format is ${report.format}`);
  return report;
}

/** The report's placement, where it has one. */
export function placed(report: Report): Placed | null {
  return report.operators === undefined ? null : (report as unknown as Placed);
}
