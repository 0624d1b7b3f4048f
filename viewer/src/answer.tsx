import type { Placed, Report } from "./data";
import { Name } from "./parts";
import { formatTime, plural } from "./text";

function Fact({ label, value, note }: { label: string; value: string; note?: string }) {
  return (
    <div class="fact">
      <dt>{label}</dt>
      <dd>{value}{note && <small>{note}</small>}</dd>
    </div>
  );
}

const STATUS = {
  optimal: "proven optimal",
  feasible: "best found",
  infeasible: "proven impossible",
  none: "nothing found",
};

export function AnswerPart({ report, plan }: { report: Report; plan: Placed | null }) {
  const { answer } = report;
  return (
    <section id="answer" aria-labelledby="answer-title">
      <p class={`status ${answer.status}`}>{STATUS[answer.status]}</p>
      <h1 id="answer-title">
        <Name text={answer.sentence} longest={600} />
        {answer.advantage && <span class="advantage">; {answer.advantage}</span>}
      </h1>
      <dl class="facts">
        {answer.objective !== null && (
          <Fact label={answer.latency ? "time of one sample" : "time per sample"}
            value={formatTime(answer.objective)} />
        )}
        {answer.bound !== null && (
          <Fact label="proven lower bound" value={formatTime(answer.bound)} note={answer.bound_method} />
        )}
        {answer.gap !== null && <Fact label="gap" value={answer.gap} />}
        {plan && (
          <Fact label="placed" value={plural(plan.operators.ids.length, "operator")}
            note={`in ${plural(plan.stages.length, "stage")} on ${plural(new Set(plan.stages.map((s) => s.device)).size, "device")}`} />
        )}
      </dl>
    </section>
  );
}

