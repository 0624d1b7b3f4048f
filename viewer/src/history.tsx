// How the search went: its best placement came down, and its bound went up.

import { scaleLinear, scaleSymlog } from "d3-scale";
import type { Report, Step } from "./data";
import { Part, useFirst } from "./parts";
import { formatCount, formatTime } from "./text";

const WIDTH = 720;
const HEIGHT = 220;
const MARGIN = { left: 76, right: 16, top: 12, bottom: 36 };

function Chart({ steps }: { steps: Step[] }) {
  const last = steps[steps.length - 1]!;
  const highest = Math.max(...steps.map((step) => Math.max(step.incumbent ?? 0, step.bound)), 1);
  const x = scaleSymlog().constant(Math.max(last.effort / 1000, 1))
    .domain([0, Math.max(last.effort, 1)]).range([MARGIN.left, WIDTH - MARGIN.right]);
  const y = scaleLinear().domain([0, highest * 1.06]).range([HEIGHT - MARGIN.bottom, MARGIN.top]);
  const path = (value: (step: Step) => number | null) => {
    let d = "";
    for (const step of steps) {
      const level = value(step);
      if (level === null) continue;
      d += d === "" ? `M${x(step.effort)},${y(level)}` : `H${x(step.effort)}V${y(level)}`;
    }
    return d;
  };
  const efforts = [0, 0.01, 0.1, 1].map((share) => Math.round(last.effort * share));
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} class="history" role="img"
      aria-label="Best time and lower bound by search states; the table below has the numbers">
      {y.ticks(4).map((level) => (
        <g key={level}>
          <line x1={MARGIN.left} x2={WIDTH - MARGIN.right} y1={y(level)} y2={y(level)} class="grid" />
          <text x={MARGIN.left - 8} y={y(level)} class="tick" text-anchor="end" dominant-baseline="middle">
            {formatTime(level)}
          </text>
        </g>
      ))}
      {[...new Set(efforts)].map((effort) => (
        <text key={effort} x={x(effort)} y={HEIGHT - 14} class="tick" text-anchor={effort === last.effort ? "end" : "middle"}>
          {formatCount(effort)}
        </text>
      ))}
      <path d={path((step) => step.bound)} class="bound" />
      <path d={path((step) => step.incumbent)} class="incumbent" />
      <circle cx={x(last.effort)} cy={y(last.bound)} r="3.5" class="bound" />
      {last.incumbent !== null && <circle cx={x(last.effort)} cy={y(last.incumbent)} r="3.5" class="incumbent" />}
    </svg>
  );
}

export function HistoryPart({ report }: { report: Report }) {
  const steps = report.history;
  const [rows, more] = useFirst(steps, 50);
  return (
    <Part id="search" title="Search"
      lead="The best placement found comes down, the bound that no placement can beat goes up; where they meet, the answer is proven. The axis counts search states, stretched near zero.">
      {steps.length === 0 ? <p class="quiet">The plan holds no history of its search.</p> : (
        <>
          <div class="legend" aria-hidden="true">
            <span><i class="key incumbent" />best placement</span><span><i class="key bound-line" />proven lower bound</span>
          </div>
          <Chart steps={steps} />
          <details>
            <summary>The numbers</summary>
            <div class="scroll" tabIndex={0} role="group" aria-label="History of the search">
              <table>
                <thead><tr><th scope="col" class="number">states</th><th scope="col" class="number">best</th>
                  <th scope="col" class="number">bound</th></tr></thead>
                <tbody>{rows.map((step, i) => (
                  <tr key={i}><td class="number">{formatCount(step.effort)}</td>
                    <td class="number">{step.incumbent === null ? "–" : formatTime(step.incumbent)}</td>
                    <td class="number">{formatTime(step.bound)}</td></tr>))}
                </tbody>
              </table>
              {more}
            </div>
          </details>
        </>
      )}
    </Part>
  );
}
