/** Lineside's mark: a line, and what runs beside it. */
export function BrandMark({ size = '2rem' }: { size?: string }) {
  return (
    <svg viewBox="0 0 32 32" style={{ width: size, height: size, flex: 'none' }} aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#0e5f7a" />
      <g fill="none" strokeLinecap="round" strokeLinejoin="round">
        <path d="M9 7v18h14" stroke="#fff" strokeWidth="3" />
        <path d="M13.5 18.5l4-5 3 3 4-6.5" stroke="#7fd6ee" strokeWidth="2.5" />
      </g>
    </svg>
  );
}
