import { createTheme, localStorageColorSchemeManager, type MantineColorsTuple } from '@mantine/core';

const petrol: MantineColorsTuple = [
  '#e6f4f9',
  '#cfe6ef',
  '#a0cede',
  '#6db4cd',
  '#4a9fbf',
  '#2f8fb2',
  '#1c7c9f',
  '#0e6583',
  '#0b5670',
  '#07455b',
];

/** Mantine's grey of the dark scheme, brought to the tokens of app.css. */
const dark: MantineColorsTuple = [
  '#d3dae0',
  '#b4bec6',
  '#929ea9',
  '#66727c',
  '#414b54',
  '#272e34',
  '#1a1f23',
  '#14181b',
  '#0f1214',
  '#0b0d0f',
];

export const theme = createTheme({
  primaryColor: 'petrol',
  primaryShade: { light: 7, dark: 6 },
  colors: { petrol, dark },
  defaultRadius: 'md',
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', sans-serif",
  cursorType: 'pointer',
  respectReducedMotion: true,
});

/** The same key is read by public/color-scheme.js before the first paint. */
export const colorSchemeManager = localStorageColorSchemeManager({ key: 'lineside-color-scheme' });
