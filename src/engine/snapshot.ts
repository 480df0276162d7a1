/**
 * Snapshots: all that a session is, as bytes. `docs/snapshot.md` describes every field.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { DATA_ARRAYS } from "../ops.ts";
import type { SessionState } from "./session_state.ts";
import type { StateTensor } from "./slot_state.ts";

const MAGIC = "CONTRAIL";
const VERSION = 2;
/** Magic, version, bytes of the header. */
const PREFIX_BYTES = 16;
const CHECKSUM_BYTES = 4;
/** Sections begin at multiples of this, for whoever maps them. */
const ALIGNMENT = 64;

/** Where one array stands in the snapshot. */
interface Section {
  readonly name: string;
  readonly type: "f32" | "bf16" | "i32";
  readonly rows: number;
  readonly columns: number;
  /** First byte, counted from the first section. */
  readonly offset: number;
}

/** A section with its elements. */
interface Content extends Omit<Section, "offset"> {
  readonly data: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
}

interface Header {
  readonly model: string;
  readonly position: number;
  readonly pending: number | null;
  readonly attention_budget: number;
  readonly sampler: { readonly random: readonly number[]; readonly counts: Counts } | null;
  readonly tables: readonly {
    readonly starts: readonly number[];
    readonly used: readonly number[];
    readonly inexact_from: number | null;
  }[];
  readonly sections: readonly Section[];
}

type Counts = readonly (readonly [id: number, count: number])[];

/**
 * The snapshot of a session of the model with this fingerprint. An array that is several states at
 * once is written once.
 */
export function encodeSnapshot(state: SessionState, model: string): Uint8Array<ArrayBuffer> {
  const contents = contentsOf(state);
  let size = 0;
  const offsets = new Map<Content["data"], number>();
  const sections = contents.map(({ data, ...rest }): Section => {
    const offset = offsets.get(data) ?? size;
    if (offset === size) size += aligned(data.byteLength);
    offsets.set(data, offset);
    return { ...rest, offset };
  });
  const header = new TextEncoder().encode(JSON.stringify(headerOf(state, model, sections)));
  const body = aligned(PREFIX_BYTES + header.length);
  const bytes = new Uint8Array(body + size + CHECKSUM_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  view.setUint32(8, VERSION, true);
  view.setUint32(12, header.length, true);
  bytes.set(header, PREFIX_BYTES);
  for (const [data, offset] of offsets) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), body + offset);
  }
  const end = bytes.length - CHECKSUM_BYTES;
  view.setUint32(end, crc32(bytes.subarray(0, end)), true);
  return bytes;
}

/**
 * What {@linkcode encodeSnapshot} made the bytes of.
 *
 * @throws {TypeError} They are no snapshot, or a damaged one, or of another version or model.
 */
export function decodeSnapshot(bytes: Uint8Array<ArrayBuffer>, model: string): SessionState {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = new TextDecoder().decode(bytes.subarray(0, MAGIC.length));
  if (magic !== MAGIC || bytes.length < PREFIX_BYTES + CHECKSUM_BYTES) {
    throw new TypeError("These bytes are no snapshot of a session; pass what snapshot() gave");
  }
  const version = view.getUint32(8, true);
  if (version !== VERSION) {
    throw new TypeError(
      `The snapshot has version ${version} and this runtime reads ${VERSION}; ` +
        `restore it with the version of Contrail that made it`,
    );
  }
  const end = bytes.length - CHECKSUM_BYTES;
  if (crc32(bytes.subarray(0, end)) !== view.getUint32(end, true)) {
    throw new TypeError(
      `The snapshot of ${bytes.length} bytes is damaged or cut short, as its checksum is wrong; ` +
        `use another copy`,
    );
  }
  const { header, body } = read(bytes);
  if (header.model !== model) {
    throw new TypeError(
      `The snapshot is of the model ${header.model.slice(0, 12)} and this one is ` +
        `${model.slice(0, 12)}; restore it with the model that it was made with`,
    );
  }
  return stateOf(header, new Map(header.sections.map((s) => [s.name, contentOf(s, body)])));
}

/** What the header of a snapshot tells, which is not checked. */
export function snapshotFacts(bytes: Uint8Array<ArrayBuffer>): {
  /** Fingerprint of the model. */
  readonly model: string;
  /** Tokens that the session holds. */
  readonly position: number;
  /** Position from which on its attention is not exact, if there is one. */
  readonly inexactFrom: number | undefined;
  /** Its latest tokens: as many as are known, the last one included. */
  readonly tokens: Int32Array;
} {
  const { header, body } = read(bytes);
  const { model, position, pending, tables, sections } = header;
  const history = sections.find(({ name }) => name === "history")!;
  const inexact = tables.flatMap(({ inexact_from }) => inexact_from ?? []);
  return {
    model,
    position: position + (pending === null ? 0 : 1),
    inexactFrom: inexact.length > 0 ? Math.min(...inexact) : undefined,
    tokens: contentOf(history, body).data as Int32Array,
  };
}

/** The header of a snapshot, and the bytes of its sections. */
function read(bytes: Uint8Array<ArrayBuffer>): { header: Header; body: Uint8Array<ArrayBuffer> } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(12, true);
  const text = new TextDecoder().decode(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + length));
  const end = bytes.length - CHECKSUM_BYTES;
  const body = bytes.subarray(aligned(PREFIX_BYTES + length), end);
  return { header: JSON.parse(text) as Header, body };
}

function contentsOf({ history, seen, slot }: SessionState): Content[] {
  const words = new Int32Array(seen.buffer, seen.byteOffset, seen.length);
  return [
    { name: "history", type: "i32", rows: 1, columns: history.length, data: history },
    { name: "seen", type: "i32", rows: 1, columns: words.length, data: words },
    ...slot.tensors,
  ];
}

function headerOf(state: SessionState, model: string, sections: readonly Section[]): Header {
  const { position, pending, attentionBudget, sampler, slot } = state;
  return {
    model,
    position,
    pending: pending ?? null,
    attention_budget: attentionBudget,
    sampler: sampler ? { random: [...sampler.random], counts: sampler.counts } : null,
    tables: slot.tables.map(({ starts, used, inexactFrom }) => ({
      starts,
      used,
      inexact_from: inexactFrom ?? null,
    })),
    sections,
  };
}

function stateOf(header: Header, contents: ReadonlyMap<string, Content>): SessionState {
  const { sampler } = header;
  const integers = (name: string) => contents.get(name)!.data as Int32Array<ArrayBuffer>;
  const seen = integers("seen");
  return {
    position: header.position,
    pending: header.pending ?? undefined,
    attentionBudget: header.attention_budget,
    history: integers("history"),
    seen: new Uint32Array(seen.buffer, seen.byteOffset, seen.length),
    sampler: sampler
      ? { random: Uint32Array.from(sampler.random), counts: sampler.counts }
      : undefined,
    slot: {
      tensors: [...contents.values()].filter(({ type }) => type !== "i32") as StateTensor[],
      tables: header.tables.map(({ starts, used, inexact_from }) => ({
        starts,
        used,
        inexactFrom: inexact_from ?? undefined,
      })),
    },
  };
}

function contentOf({ offset, ...section }: Section, body: Uint8Array<ArrayBuffer>): Content {
  const elements = DATA_ARRAYS[section.type];
  const size = section.rows * section.columns;
  const start = body.byteOffset + offset;
  // A view where the bytes are aligned, as they are unless they are a part of something else.
  const data = start % elements.BYTES_PER_ELEMENT === 0
    ? new elements(body.buffer, start, size)
    : new elements(body.slice(offset, offset + size * elements.BYTES_PER_ELEMENT).buffer);
  return { ...section, data };
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
