// A file's name as the gateway accepts it.

/** Longest name, in bytes of UTF-8. */
const NAME_BYTES_MAX = 255;

/**
 * The name without what the gateway refuses: control and invisible characters, and anything that looks like a path. It
 * is shown to people and names downloads, and is never part of an object key, so that changing it loses nothing.
 */
export function cleanName(name: string): string {
  const plain = name
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, "")
    .replace(/[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g, "")
    .replace(/[/\\]/g, "-")
    .replace(/\.{2,}/g, ".")
    .trim();
  const cut = cutToBytes(plain, NAME_BYTES_MAX);
  return cut === "" || cut === "." ? "video" : cut;
}

/** Keeps the ending, which tells people what it is. */
function cutToBytes(name: string, bytesMax: number): string {
  const size = (text: string) => new TextEncoder().encode(text).length;
  if (size(name) <= bytesMax) return name;
  const dot = name.lastIndexOf(".");
  const ending = dot > 0 && size(name.slice(dot)) <= 16 ? name.slice(dot) : "";
  const characters = [...name.slice(0, name.length - ending.length)];
  while (size(characters.join("") + ending) > bytesMax) characters.pop();
  return characters.join("") + ending;
}
