// What somebody would do otherwise, beside the answer.

import type { Report } from "./data";
import { Name, Part } from "./parts";
import { formatTime } from "./text";

// A bar is cut off at so many times the answer.
const MOST = 4;

export function RivalsPart({ report }: { report: Report }) {
  const { objective, latency } = report.answer;
  const rows = [
    { name: "cleave", objective, feasible: true, note: report.answer.status, own: true },
    ...report.rivals.map((rival) => ({ ...rival, own: false })),
  ];
  return (
    <Part id="alternatives" title="Alternatives"
      lead="What one would do otherwise, each placement checked by the same rules. Those that break a rule are hatched and cannot be used as they are.">
      <div class="scroll" tabIndex={0} role="group" aria-label="Alternatives">
        <table class="rivals">
          <thead>
            <tr><th scope="col">placement</th><th scope="col" class="wide"><span class="hidden">bar</span></th>
              <th scope="col" class="number">{latency ? "latency" : "time per sample"}</th>
              <th scope="col" class="number">against cleave</th><th scope="col">note</th></tr>
          </thead>
          <tbody>
            {rows.map((row, i) => {
              const times = row.objective !== null && objective ? row.objective / objective : null;
              return (
                <tr key={i} class={row.own ? "own" : row.feasible ? "" : "broken"}>
                  <th scope="row"><Name text={row.name} /></th>
                  <td>{times !== null && (
                    <div class={times > MOST ? "bar cut" : "bar"} aria-hidden="true">
                      <i style={{ width: `${(100 * Math.min(times, MOST)) / MOST}%` }} />
                    </div>)}</td>
                  <td class="number">{row.objective === null ? "–" : formatTime(row.objective)}</td>
                  <td class="number">{times === null || row.own ? "" : describeTimes(times)}</td>
                  <td class="quiet"><Name text={row.note} longest={200} /></td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Part>
  );
}

function describeTimes(times: number): string {
  if (times >= 10) return `${times.toFixed(0)}×`;
  const percent = 100 * (times - 1);
  return `${percent < 0 ? "−" : "+"}${Math.abs(percent).toFixed(2)}%`;
}
