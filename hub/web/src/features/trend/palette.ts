/**
 * Four lines that people with any colour blindness tell apart (after Okabe and Ito's set), darkened for white and
 * lightened for a dark room so that each has a contrast of at least 3 : 1 to its ground (WCAG 1.4.11).
 */
export const TREND_COLORS = {
  light: ['#0067a3', '#c14a00', '#00805d', '#9a3f7c'],
  dark: ['#5fb8ec', '#eba23c', '#2fc294', '#df93c0'],
} as const;
