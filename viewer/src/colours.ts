// One hue a device, everywhere; activities are told apart by shade and texture.

interface Scheme {
  surface: string;
  ink: string;
  muted: string;
  line: string;
  hues: string[];
}

const LIGHT: Scheme = {
  surface: "#ffffff",
  ink: "#171a21",
  muted: "#5c6370",
  line: "#c9ced8",
  hues: ["#3563c9", "#d9711f", "#1f8f6b", "#a846bd", "#cf3d5d", "#1791ab", "#93741a", "#6452cf",
    "#6f8f22", "#b8527c"],
};
const DARK: Scheme = {
  surface: "#14171d",
  ink: "#e9ecf2",
  muted: "#9aa3b2",
  line: "#3a414d",
  hues: ["#6d9bff", "#f0995a", "#4fc79c", "#d583ea", "#f47a94", "#52c3dc", "#d0ac4b", "#9d8ffa",
    "#a9cb55", "#ea8db4"],
};

const dark = window.matchMedia("(prefers-color-scheme: dark)");

export function scheme(): Scheme {
  return dark.matches ? DARK : LIGHT;
}

export function onSchemeChange(listener: () => void): () => void {
  dark.addEventListener("change", listener);
  return () => dark.removeEventListener("change", listener);
}

// Devices beyond the list turn by the golden angle, so that neighbours differ.
function turned(index: number): string {
  const hue = (index * 137.508) % 360;
  return dark.matches ? hslToHex(hue, 0.6, 0.68) : hslToHex(hue, 0.62, 0.42);
}

function hslToHex(hue: number, saturation: number, lightness: number): string {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    const value = lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(255 * value).toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}

export function deviceColour(device: number): string {
  const { hues } = scheme();
  return hues[device] ?? turned(device);
}

const mixed = new Map<string, string>();

/** `share` of colour a over colour b; remembered, since drawing asks thousands of times a frame. */
export function mix(a: string, b: string, share: number): string {
  const key = `${a}${b}${share}`;
  let result = mixed.get(key);
  if (result === undefined) {
    result = compute(a, b, share);
    mixed.set(key, result);
  }
  return result;
}

function compute(a: string, b: string, share: number): string {
  const part = (text: string, i: number) => parseInt(text.slice(1 + 2 * i, 3 + 2 * i), 16);
  let result = "#";
  for (let i = 0; i < 3; ++i) {
    const value = Math.round(part(a, i) * share + part(b, i) * (1 - share));
    result += value.toString(16).padStart(2, "0");
  }
  return result;
}
