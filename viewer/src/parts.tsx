// Small pieces that several parts of the page share.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { deviceColour, onSchemeChange } from "./colours";
import { printable } from "./text";

/** A name from the input: untrusted, so shown as text in a direction of its own. */
export function Name({ text, longest }: { text: string; longest?: number }) {
  return <bdi class="name">{printable(text, longest)}</bdi>;
}

export function Part(props: { id: string; title: string; lead?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section id={props.id} aria-labelledby={`${props.id}-title`}>
      <h2 id={`${props.id}-title`}>{props.title}</h2>
      {props.lead && <p class="lead">{props.lead}</p>}
      {props.children}
    </section>
  );
}

export function Swatch({ device }: { device: number }) {
  return <span class="swatch" style={{ background: deviceColour(device) }} aria-hidden="true" />;
}

/** Draws the caller again when the page turns dark or light. */
export function useScheme(): void {
  const [, redraw] = useState(0);
  useEffect(() => onSchemeChange(() => redraw((count) => count + 1)), []);
}

/** The first rows of a long list, and a button for more. */
export function useFirst<T>(rows: T[], first: number): [T[], ComponentChildren] {
  const [shown, setShown] = useState(first);
  const more = rows.length > shown && (
    <button type="button" class="more" onClick={() => setShown(shown + 5 * first)}>
      Show more of {rows.length.toLocaleString("en")}
    </button>
  );
  return [rows.slice(0, shown), more];
}
