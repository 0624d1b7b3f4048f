import { useState } from "preact/hooks";
import { AnswerPart } from "./answer";
import { placed, type Report } from "./data";
import { DevicesPart } from "./devices";
import { GraphPart } from "./graph";
import { HistoryPart } from "./history";
import { InputsPart } from "./inputs";
import { RivalsPart } from "./rivals";
import { BordersPart } from "./borders";
import { TimelinePart } from "./timeline";
import { Name } from "./parts";

export function App({ report }: { report: Report }) {
  const [device, setDevice] = useState<number | null>(null);
  const [focus, setFocus] = useState<{ node: number } | null>(null);
  const plan = placed(report);
  const choose = (chosen: number) => setDevice(chosen === device ? null : chosen);
  const show = (node: number) => {
    setFocus({ node });
    document.getElementById("graph")!.scrollIntoView();
  };
  return (
    <>
      <a class="skip" href="#content">Skip to the report</a>
      <header class="top">
        <span class="brand">cleave</span>
        <Name text={report.model} />
        <nav aria-label="Parts of this report">
          {plan && <a href="#devices">Devices</a>}
          {plan && <a href="#graph">Graph</a>}
          {plan && <a href="#timeline">Timeline</a>}
          {report.rivals.length > 0 && <a href="#alternatives">Alternatives</a>}
          <a href="#search">Search</a>
          <a href="#inputs">Inputs</a>
        </nav>
      </header>
      <main id="content">
        <AnswerPart report={report} plan={plan} />
        {plan && <DevicesPart report={report} plan={plan} device={device} onDevice={choose} />}
        {plan && <GraphPart plan={plan} device={device} onDevice={choose} focus={focus} />}
        {plan && <BordersPart plan={plan} onShow={show} />}
        {plan && <TimelinePart report={report} plan={plan} device={device} />}
        {report.rivals.length > 0 && <RivalsPart report={report} />}
        <HistoryPart report={report} />
        <InputsPart report={report} />
      </main>
      <footer>Made by cleave. This file needs nothing beside it and asks nothing of any network.</footer>
    </>
  );
}
