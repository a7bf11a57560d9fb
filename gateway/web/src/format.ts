// Numbers as people read them.

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** `1.4 GB`; powers of 1000, as file managers and disks count. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  // 999.95 would read 1000.0.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ""}`;
}

/** `12 s`, `3 min 20 s`, `2 h 5 min`: two parts at most. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 1) return "less than a second";
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return joined(`${minutes} min`, seconds % 60, "s");
  // Beyond an hour nobody waits for the second.
  const hours = Math.floor(minutes / 60);
  return joined(`${hours} h`, minutes % 60, "min");
}

function joined(first: string, rest: number, unit: string): string {
  return rest === 0 ? first : `${first} ${rest} ${unit}`;
}

/** A measured time: `0.8 s`, `12.3 s`, then as `duration`. */
export function measured(ms: number): string {
  return ms < 60_000 ? `${(Math.max(0, ms) / 1000).toFixed(1)} s` : duration(ms);
}

/** `01:02:03`, `2:03`: a place or a length in a film. */
export function clock(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** `63 %`. Only what is done reads 100 %. */
export function percent(value: number): string {
  return `${value >= 100 ? 100 : Math.min(99, Math.floor(value))} %`;
}

/** `1.8×`: seconds of film per second. */
export function speed(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)}×`;
}

/** `just now`, `5 min ago`, then the date. */
export function ago(thenMs: number, nowMs: number, locale?: string): string {
  const seconds = Math.max(0, Math.round((nowMs - thenMs) / 1000));
  if (seconds < 45) return "just now";
  const minutes = Math.max(1, Math.round(seconds / 60));
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  if (hours < 24) return `${hours} h ago`;
  return new Date(thenMs).toLocaleDateString(locale, { day: "numeric", month: "short", year: "numeric" });
}
