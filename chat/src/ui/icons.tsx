/** Icons: drawn here, so that nothing is fetched and nothing needs a style of its own. */

const PATHS = {
  chat: 'M4 6.5A2.5 2.500 0 0 1 6.500 4h11A2.500 2.500 0 0 1 20 6.500v7a2.500 2.500 0 0 1-2.500 2.500H10l-4.500 4v-4A2.500 2.500 0 0 1 4 13.500zM12 7.500v5M9.500 10h5',
  group: 'M9 11.500a3.250 3.250 0 1 0 0-6.500 3.250 3.250 0 0 0 0 6.500zM3 19c0-3 2.700-4.750 6-4.750S15 16 15 19M16 5.300a3.200 3.200 0 0 1 0 6M17.500 14.600c2 .6 3.500 2.100 3.500 4.400',
  join: 'M13 4h4.500A2.500 2.500 0 0 1 20 6.500v11a2.500 2.500 0 0 1-2.500 2.500H13M3.500 12H14M10.500 8l4 4-4 4',
  menu: 'M5 7h14M5 12h14M5 17h14',
  back: 'M15 5l-7 7 7 7',
  send: 'M4.500 12L20 4.500 14.500 20l-3.200-6.300zM11.300 13.700L20 4.500',
  image: 'M6.500 4.500h11a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2h-11a2 2 0 0 1-2-2v-11a2 2 0 0 1 2-2zM5 17l4.500-4.500 3 3L16 12l3.500 3.500M9 9.500h.01',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5M12 8h.01',
  close: 'M6 6l12 12M18 6L6 18',
  clock: 'M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 8v4.500l3 1.500',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  alert: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7.500v5.500M12 16.500h.01',
  down: 'M12 5v14M6 13l6 6 6-6',
  more: 'M5 12a1 1 0 1 0 2 0a1 1 0 1 0-2 0M11 12a1 1 0 1 0 2 0a1 1 0 1 0-2 0M17 12a1 1 0 1 0 2 0a1 1 0 1 0-2 0',
  file: 'M7 3.500h7l4.500 4.500v10.500a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2v-13a2 2 0 0 1 2-2zM13.500 4v4.500H18',
  bell: 'M6.500 16V11a5.500 5.500 0 0 1 11 0v5l1.500 2H5zM10.500 20.500h3',
  muted: 'M8.500 6.800A5.500 5.500 0 0 1 17.500 11v3.500M15.500 18H5l1.500-2v-5M10.500 20.500h3M4 4l16 16',
  pin: 'M9 4h6l-1 6 3 3H7l3-3zM12 13v7',
} as const;

export type IconName = keyof typeof PATHS;

/** A picture beside words, or of a button that has a name. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
