// What was asked, with what, and how to ask it again.

import { useRef, useState } from "preact/hooks";
import type { Report } from "./data";
import { Part } from "./parts";
import { printable } from "./text";

function Copyable({ text, label }: { text: string; label: string }) {
  const box = useRef<HTMLPreElement>(null);
  const [said, setSaid] = useState("Copy");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("Copied");
    } catch {
      // Pages opened from a file may not write to the clipboard: mark the text instead.
      getSelection()?.selectAllChildren(box.current!);
      setSaid("Marked");
    }
  };
  return (
    <div class="copyable">
      <pre ref={box} tabIndex={0} role="group" aria-label={label}><code>{text.split("\n").map((line) => printable(line, 4000)).join("\n")}</code></pre>
      <button type="button" onClick={copy} aria-label={`${said}: ${label}`}>{said}</button>
    </div>
  );
}

export function InputsPart({ report }: { report: Report }) {
  return (
    <Part id="inputs" title="Inputs">
      <dl class="inputs">
        {report.inputs.map(({ label, value }, i) => (
          <div key={i}><dt>{label}</dt><dd>{value.split("\n").map((line, l) => <bdi key={l}>{printable(line, 400)}</bdi>)}</dd></div>
        ))}
      </dl>
      {report.command !== "" && (
        <>
          <h3>Make this plan again</h3>
          <Copyable text={report.command} label="command" />
        </>
      )}
      <details open={report.machine.length < 1500}>
        <summary>Devices (save as <code>devices.json</code>)</summary>
        <Copyable text={report.machine.trimEnd()} label="devices" />
      </details>
    </Part>
  );
}
