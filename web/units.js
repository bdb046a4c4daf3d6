// Sizes of files.

const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** A number of bytes in kB or MB, which are powers of ten. */
export const megabytes = (bytes) =>
  bytes < 1e6 ? `${short.format(bytes / 1000)} kB` : `${short.format(bytes / 1e6)} MB`;
