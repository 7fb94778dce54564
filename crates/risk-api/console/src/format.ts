// Numbers and times as they are read here.
import type { Language } from './language';

const locale = (language: Language) => (language === 'zh' ? 'zh-CN' : 'en-GB');

/** A share, 0 to 1, as a percentage. */
export const percent = (value: number | null | undefined, digits = 1) =>
  value === null || value === undefined ? '–' : `${(100 * value).toFixed(digits)}%`;

/** An interval of shares. */
export const range = (of: { lower: number; upper: number } | null | undefined, digits = 1) =>
  of ? `${(100 * of.lower).toFixed(digits)}–${(100 * of.upper).toFixed(digits)}%` : '–';

/** A number with a sign. */
export const signed = (value: number, digits = 1) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;

export const whole = (value: number, language: Language) => value.toLocaleString(locale(language));

/** The time of the place whose inspections these are, wherever it is read. */
const timeZone = 'Asia/Shanghai';

/** An instant. */
export function moment(at: string | null | undefined, language: Language): string {
  if (!at) return '–';
  return new Date(at).toLocaleString(locale(language), {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
    timeZone,
  });
}

/** A day. */
export function day(at: string | null | undefined): string {
  if (!at) return '–';
  // This locale writes days as ISO 8601 does.
  return new Date(at).toLocaleDateString('sv-SE', { timeZone });
}

/** Rows as CSV that a spreadsheet opens with Chinese intact. A field cannot begin a formula. */
export function csv(head: string[], rows: (string | number | null | undefined)[][]): Blob {
  const field = (value: string | number | null | undefined) => {
    let text = value === null || value === undefined ? '' : String(value);
    if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [head, ...rows].map((row) => row.map(field).join(','));
  return new Blob([`\ufeff${lines.join('\r\n')}\r\n`], { type: 'text/csv;charset=utf-8' });
}
