// Numbers as cleave's tables print them, and names made safe to show.

const TIME_UNITS: [number, string][] = [[1e12, "s"], [1e9, "ms"], [1e6, "µs"], [1e3, "ns"]];

/** Four digits and a unit that suits: "17.79 ms". */
export function formatTime(picoseconds: number): string {
  for (const [size, unit] of TIME_UNITS) {
    const value = picoseconds / size;
    if (value < 0.99995) continue;
    const decimals = value < 9.9995 ? 3 : value < 99.995 ? 2 : value < 999.95 ? 1 : 0;
    return `${value.toFixed(decimals)} ${unit}`;
  }
  return `${picoseconds} ps`;
}

const BYTE_UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/** "512 B", "1.50 MiB", "16.0 GiB". */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1023.5 && unit + 1 < BYTE_UNITS.length; ++unit) value /= 1024;
  const decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(decimals)} ${BYTE_UNITS[unit]}`;
}

export function formatCount(count: number): string {
  return count.toLocaleString("en");
}

export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

const LONGEST = 120;

// Marks that turn the direction of text, and those that take no room.
const INVISIBLE = /[\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * A name as it may be shown: control characters as their pictures, marks that would reorder or hide
 * text by their number, and of a long name its two ends.
 */
export function printable(name: string, longest = LONGEST): string {
  let text = name;
  if (text.length > longest) {
    const end = Math.floor(longest / 3);
    text = `${text.slice(0, longest - end - 1)}…${text.slice(text.length - end)}`;
  }
  return text
    .replace(/[\u0000-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/\u007f/g, "\u2421")
    .replace(/[\u0080-\u009f]/g, "\ufffd")
    .replace(INVISIBLE, (c) => `‹U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}›`);
}
