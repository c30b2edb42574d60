/** Spans of time as they are typed: `2y5m7d3h`, in years, months, days and hours. */
import { BakError } from "../errors.js";

/** Whole numbers from 0 up. */
export interface Span {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
}

const pattern = /^(?=\d)(?:(\d{1,6})y)?(?:(\d{1,6})m)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?$/;

/** The span that a text stands for; throws USAGE, which says how it is written. */
export function parseSpan(text: string): Span {
  const [whole, years, months, days, hours] = pattern.exec(text) ?? [];
  if (whole === undefined) {
    throw new BakError("USAGE", `not a span of time: '${text}'`, {
      hint: "write years, months, days and hours in this order, such as 1y6m, 30d or 2d12h",
    });
  }
  return { years: Number(years ?? 0), months: Number(months ?? 0), days: Number(days ?? 0), hours: Number(hours ?? 0) };
}

/** The shortest text for a span that `parseSpan` reads. */
export function formatSpan({ years, months, days, hours }: Span): string {
  const parts = [
    [years, "y"],
    [months, "m"],
    [days, "d"],
    [hours, "h"],
  ] as const;
  return parts.map(([count, unit]) => (count > 0 ? `${count}${unit}` : "")).join("") || "0h";
}

/** Whether the span is no time at all. */
export function isEmptySpan({ years, months, days, hours }: Span): boolean {
  return years + months + days + hours === 0;
}

/** The moment that lies so long before another: by the calendar of local time, then by hours. -Infinity beyond all calendars. */
export function timeBefore(ms: number, { years, months, days, hours }: Span): number {
  const date = new Date(ms);
  date.setFullYear(date.getFullYear() - years, date.getMonth() - months, date.getDate() - days);
  const before = date.getTime() - hours * 3_600_000;
  return Number.isNaN(before) ? -Infinity : before;
}

/** The moment that lies so long after another: by the calendar of local time, then by hours. Infinity beyond all calendars. */
export function timeAfter(ms: number, { years, months, days, hours }: Span): number {
  const after = timeBefore(ms, { years: -years, months: -months, days: -days, hours: -hours });
  return after === -Infinity ? Infinity : after;
}
