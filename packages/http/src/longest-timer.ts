/** In ms: longer delays overflow the 32 bits of setTimeout, and ring at once. */
export const LONGEST_TIMER: number = 2 ** 31 - 1
