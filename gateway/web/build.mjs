// Builds the page into dist/: index.html, the icon, and assets whose names carry a hash of their content, so that a
// browser may keep them for ever.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

const root = import.meta.dirname;
const dist = join(root, "dist");

const result = await build({
  absWorkingDir: root,
  entryPoints: { page: "src/main.ts", style: "src/style/style.css" },
  outdir: "dist/assets",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  // hls.js is two thirds of the page and is wanted by jobs alone: a file of its own.
  splitting: true,
  format: "esm",
  target: ["es2022", "chrome109", "firefox115", "safari16.4"],
  minify: true,
  legalComments: "none",
  metafile: true,
  write: false,
});

const name = (entry) => {
  const found = Object.entries(result.metafile.outputs).find(([, output]) => output.entryPoint === entry);
  if (!found) throw new Error(`esbuild wrote nothing for ${entry}`);
  return `assets/${basename(found[0])}`;
};
const page = (await readFile(join(root, "src/index.html"), "utf8"))
  .replace("page.js", name("src/main.ts"))
  .replace("style.css", name("src/style/style.css"));

await rm(dist, { recursive: true, force: true });
await mkdir(join(dist, "assets"), { recursive: true });
for (const file of result.outputFiles) await writeFile(file.path, file.contents);
await copyFile(join(root, "src/icon.svg"), join(dist, "icon.svg"));
// Last: a dist with an index.html is a whole one.
await writeFile(join(dist, "index.html"), page);

for (const file of result.outputFiles) {
  const { size } = await stat(file.path);
  console.log(`${String(Math.ceil(size / 1024)).padStart(6)} KiB  ${basename(file.path)}`);
}
