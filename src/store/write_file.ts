/**
 * Writes files that are there as a whole or not at all.
 *
 * @module
 */

/**
 * Puts `bytes` in the place of the file at `path`, if there is one. Whatever happens meanwhile, the
 * process killed or the power gone, there is the old file or the new one. Needs permission to read
 * and write the file's folder, where a temporary file stands until then. `mode` says who may read
 * the file, as `Deno.open` does.
 */
export async function writeFileAtomically(
  path: string,
  bytes: Uint8Array,
  mode?: number,
): Promise<void> {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "./";
  const temporary = `${path}.${crypto.randomUUID()}.part`;
  try {
    {
      const own = mode === undefined ? {} : { mode };
      using file = await Deno.open(temporary, { write: true, createNew: true, ...own });
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await file.write(rest));
      await file.sync();
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  // The new name is safe only once the folder is.
  using directory = await Deno.open(folder);
  await directory.sync();
}
