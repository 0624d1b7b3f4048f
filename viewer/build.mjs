// Bundles the page's program, styles and skeleton into one file, which CMake embeds into cleave.
//
//   node build.mjs           writes ../src/report/template.html
//   node build.mjs --check   fails where that file is not what these sources make

import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "src", "report", "template.html");

async function bundle(entry) {
  const result = await build({
    entryPoints: [join(here, "src", entry)],
    absWorkingDir: here,
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "iife",
    target: ["chrome100", "firefox100", "safari15.4"],
    charset: "ascii",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    logLevel: "warning",
  });
  return { text: result.outputFiles[0].text.trim(), inputs: Object.keys(result.metafile.inputs) };
}

// The licences of the packages that are part of the page: they ask to be named in copies.
function licences(inputs) {
  const packages = new Set();
  for (const input of inputs) {
    const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match) packages.add(match[1]);
  }
  return [...packages].sort().map((name) => {
    const folder = join(here, "node_modules", name);
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} has no licence file`);
    return `${name} ${version}\n\n${readFileSync(join(folder, file), "utf8").trim()}`;
  });
}

// Only the program and the styles of this very page may run: whatever a name might hold.
function allow(text) {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

const script = await bundle("main.tsx");
const style = await bundle("style.css");
if (/<\/(script|style)/i.test(script.text + style.text)) throw new Error("a closing tag in the code");
const notices = licences(script.inputs).join("\n\n----\n\n").replaceAll("--", "- -");
const parts = {
  policy: `default-src 'none'; script-src ${allow(script.text)}; style-src ${allow(style.text)}; ` +
    "img-src data:; base-uri 'none'; form-action 'none'",
  style: style.text,
  script: script.text,
  licences: notices,
};
const skeleton = readFileSync(join(here, "src", "page.html"), "utf8");
const page = skeleton.replace(/@(policy|style|script|licences)@/g, (_, name) => parts[name]);
if (page.split("@CLEAVE_DATA@").length !== 2) throw new Error("the page needs one slot for data");

if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== page) {
    console.error("src/report/template.html is not what viewer/ makes; run: npm run build");
    process.exit(1);
  }
  console.log(`template.html is fresh (${page.length} bytes)`);
} else {
  writeFileSync(target, page);
  console.log(`wrote template.html (${page.length} bytes)`);
}
