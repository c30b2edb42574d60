/** Hours, days, weeks, months and years, as the clocks and calendars of this machine's time zone have them. */

/** The periods of which a policy keeps so many, from short to long. */
export const periods = ["hourly", "daily", "weekly", "monthly", "yearly"] as const;
export type Period = (typeof periods)[number];

/** Two moments give the same text exactly if they are in the same period, in local time. Weeks are those of ISO 8601. */
export function bucketOf(period: Period, ms: number): string {
  const date = new Date(ms);
  const [year, month, day] = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  switch (period) {
    case "hourly":
      // the hour that comes twice when summer ends is two hours
      return `${year}-${month}-${day} ${date.getHours()} ${date.getTimezoneOffset()}`;
    case "daily":
      return `${year}-${month}-${day}`;
    case "weekly":
      return isoWeek(date);
    case "monthly":
      return `${year}-${month}`;
    case "yearly":
      return String(year);
    default:
      return period satisfies never;
  }
}

/** The year and number of a week, which begins on Monday and belongs to the year that has its Thursday (ISO 8601). */
function isoWeek(date: Date): string {
  // in UTC, where every day has 24 hours
  const thursday = new Date(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()));
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7));
  const firstDay = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  return `${thursday.getUTCFullYear()}-W${Math.floor((thursday.getTime() - firstDay) / (7 * 86_400_000)) + 1}`;
}
