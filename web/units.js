// Sizes of files.

const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** A number of bytes in kB or MB, which are powers of ten. */
export const megabytes = (bytes) =>
  bytes < 100_000 ? `${tenth.format(bytes / 1000)} kB` : `${tenth.format(bytes / 1e6)} MB`;
