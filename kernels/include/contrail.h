/* contrail.h: the whole C ABI of the Contrail kernel library.
 *
 * One shared library for each backend exports exactly these symbols; the dynamic linker is the
 * vtable. The library knows operators, not models.
 *
 * Rules
 * - A function that makes an object returns its handle, or NULL on failure. Every other function
 *   that can fail returns a status: 0 is success. After a failure ct_last_error() has one sentence
 *   that says which operator and operand, what was found and what was wanted. It belongs to the
 *   calling thread and stays until that thread's next failure.
 * - Nothing aborts, exits or throws across this boundary. Every size, type and index is checked
 *   here, before anything is written: a call that fails has changed nothing.
 * - Order of arguments: device, outputs, inputs, states, indices, sizes, scalars.
 * - A device, and everything that was made on it, is used by one thread at a time. A second thread
 *   that calls in while the first is inside gets an error, not a race.
 * - A tensor is a matrix view: `rows` rows of `columns` elements, `stride` elements from one row to
 *   the next. Vectors are matrices of one row. Shapes below are written name[rows, columns].
 * - Activations are f32. Weights, caches and states may be f32 or bf16 where it says so, weights
 *   also q8 or q4. Index operands are i32.
 * - An output may be the same view as an input only where it says "may alias".
 * - The result of a row depends on that row (and its segment's state) alone: never on how many
 *   other rows, segments or threads share the call. The same instruction set gives the same bits.
 *
 * Ragged batches: N tokens that belong to S segments. segments[1, S+1] holds the first row of each
 * segment and, last, N; it never decreases. slots[1, S] says which row of a state tensor belongs to
 * each segment; no slot occurs twice.
 */
#ifndef CONTRAIL_H
#define CONTRAIL_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library hides every other symbol. */
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

typedef struct ct_device ct_device;
typedef struct ct_buffer ct_buffer;
typedef struct ct_tensor ct_tensor;
typedef struct ct_file ct_file;
typedef struct ct_recording ct_recording;

/* Element types of tensors and of data in files. CT_F16 occurs in files only; CT_Q8 and CT_Q4 are
 * those of packed weights, and of nothing else. */
#define CT_F32 0u
#define CT_BF16 1u
#define CT_I32 2u
#define CT_F16 3u
#define CT_Q8 4u
#define CT_Q4 5u

/* Rows of packed weights that lie together in memory. */
#define CT_PACKED_ROWS 16u

/* Rises whenever packed weights lie in memory in another way than before, for whatever keeps them
 * in files. It is the same for every instruction set. */
#define CT_PACKED_LAYOUT 1u

/* Kinds of failures, for ct_last_status. */
#define CT_STATUS_SUCCESS 0u
#define CT_STATUS_FAILED 1u
#define CT_STATUS_OUT_OF_MEMORY 2u

/* What ct_device_measure measures; `memory` is for the first alone. */
#define CT_LIMIT_READ 0u
#define CT_LIMIT_F32 1u
#define CT_LIMIT_INT8 2u

/* Tokens in one page of a key or value cache. */
#define CT_PAGE_TOKENS 16u

/* ---- library --------------------------------------------------------------------------------- */

/* Version of this ABI; the loader refuses any other. */
uint32_t ct_version(void);

/* Copies the calling thread's last error, UTF-8, NUL-terminated and cut to `capacity` bytes.
 * Returns the bytes of the whole text without its NUL. */
uint32_t ct_last_error(char* text, uint32_t capacity);

/* Of what kind the calling thread's last failure was, whose text ct_last_error has: so that whoever
 * can do with less memory knows that it was that, on whichever device. CT_STATUS_SUCCESS where none
 * of the thread's calls has failed yet. */
uint32_t ct_last_status(void);

/* Copies the names of the instruction sets that this library holds and this processor has, best
 * first, separated by spaces ("avx2 plain"). Returns as ct_last_error does. */
uint32_t ct_instruction_sets(char* text, uint32_t capacity);

/* ---- device ---------------------------------------------------------------------------------- */

/* Opens a device with `threads` threads, the caller's included (0: the machine's physical cores).
 * instruction_set: "auto", or a name from ct_instruction_sets(); where a machine has several GPUs
 * "cuda:1" is the second, and "auto" the first. */
ct_device* ct_device_open(const char* instruction_set, uint32_t threads);

/* Stops the threads. The device is released when the last buffer made on it is freed. */
int32_t ct_device_close(ct_device* device);

/* Copies a short description: the instruction set's name, or what the GPU is called. Returns as
 * ct_last_error does. */
uint32_t ct_device_describe(ct_device* device, char* text, uint32_t capacity);

/* Threads that operators run on. */
uint32_t ct_device_threads(ct_device* device);

/* Bytes that can still be had of the device's own memory; 0 where it does not tell, or on failure.
 */
uint64_t ct_device_memory(ct_device* device);

/* What the device can do at most, to hold other measurements against, the best of several runs of
 * some milliseconds: bytes read from `memory`, which is overwritten and should be larger than any
 * cache, in GB/s; multiply-adds in f32, with which bf16 is multiplied, too, and the products of
 * packed weights, both in 10^9 operations a second, of which a multiply-add is two. -1 on failure,
 * also where there is no such measurement: a GPU has none. */
float ct_device_measure(ct_device* device, uint32_t limit, ct_buffer* memory);

/* ---- recordings ------------------------------------------------------------------------------ */

/* Operator calls can be recorded once and then run together, which costs a GPU and its host less
 * than call by call. Between ct_record_begin and ct_record_end operators are checked as ever, but
 * do not run: ct_recording_replay runs them, in their order, as often as it is called, on what
 * their operands hold by then. Whatever else a call was given, sizes and scalars, stays as it was
 * recorded. So what changes from replay to replay stands in index operands, which are not checked
 * again: whoever replays vouches for what they hold.
 * - While a device records, views can be made, and buffers and tensors freed. All else but
 *   operators is refused: reading, writing, loading, new buffers, replaying, closing the device.
 * - A recording holds the memory of its operands: to free a buffer or tensor does it no harm, and
 *   the memory goes when the recording is freed.
 * - Run the same calls once before they are recorded: scratch memory that they need is not made
 *   while a device records.
 * - When a call fails while it is recorded, ct_record_end fails, too, and nothing is left of it. */

/* 1 where the device can record, 0 where it runs operators eagerly, always. */
uint32_t ct_device_records(ct_device* device);

int32_t ct_record_begin(ct_device* device);

/* What was called since ct_record_begin. */
ct_recording* ct_record_end(ct_device* device);

/* Kernels that a replay launches; 0 on failure. */
uint32_t ct_recording_launches(ct_recording* recording);

int32_t ct_recording_replay(ct_recording* recording);
int32_t ct_recording_free(ct_recording* recording);

/* ---- buffers and tensors --------------------------------------------------------------------- */

/* Memory on the device, aligned to 256 bytes and zeroed. */
ct_buffer* ct_buffer_create(ct_device* device, uint64_t bytes);

/* Memory with the contents of a file, which is mapped, not copied, where the device can read the
 * host's memory; the file may then be closed. It is only read: calls that would write to it are
 * refused. Whoever cuts the file off meanwhile kills the process; to change it, put another one in
 * its place. */
ct_buffer* ct_buffer_map(ct_device* device, ct_file* file);

/* Copies a buffer's bytes as they are. */
int32_t ct_buffer_read(ct_buffer* buffer, uint64_t offset, void* data, uint64_t bytes);

/* A checksum of a part of a buffer, against damage, not malice; 0 on failure only. */
uint64_t ct_buffer_checksum(ct_buffer* buffer, uint64_t offset, uint64_t bytes);

/* Gives up the handle; the memory goes when the last tensor on it is freed. */
int32_t ct_buffer_free(ct_buffer* buffer);

/* A view of `buffer`: element (r, c) is at byte `offset` + (r * stride + c) * size of `type`. */
ct_tensor* ct_tensor_create(ct_buffer* buffer, uint32_t type, uint64_t offset, uint32_t rows,
                            uint32_t columns,
                            uint32_t stride);

int32_t ct_tensor_free(ct_tensor* tensor);

/* Copies rows × columns elements, dense and of the tensor's own type, from or to `data` of `bytes`
 * bytes. For packed weights `data` is f32: a write rounds as ct_tensor_load does, a read gives
 * exactly what the codes stand for. */
int32_t ct_tensor_write(ct_tensor* tensor, const void* data, uint64_t bytes);
int32_t ct_tensor_read(ct_tensor* tensor, void* data, uint64_t bytes);

/* Sets every element to zero. Not for packed weights, which are made to be filled. */
int32_t ct_tensor_zero(ct_tensor* tensor);

/* ---- packed weights -------------------------------------------------------------------------- */

/* Weights of CT_Q8 (8 bits) or CT_Q4 (4 bits): element (r, c) is
 *   scale[r, c / group] * code[r, c],  code -128 ... 127 or -8 ... 7, scale in bf16.
 * group is 32 or 64 and divides columns. Each 16 rows lie together, in an order that is the
 * library's own, so no view can have a part of the columns or begin inside such a block. */

/* Bytes of such a tensor, for each started block of CT_PACKED_ROWS rows the same; 0 on failure. */
uint64_t ct_packed_bytes(uint32_t type, uint32_t rows, uint32_t columns, uint32_t group);

/* A view of the part of `buffer` from byte `offset`, a multiple of 64, on. To view rows of a larger
 * tensor from row r on, a multiple of CT_PACKED_ROWS, add ct_packed_bytes(type, r, columns, group)
 * to its offset. */
ct_tensor* ct_packed_create(ct_buffer* buffer, uint32_t type, uint64_t offset, uint32_t rows,
                            uint32_t columns, uint32_t group);

/* ---- weight files ---------------------------------------------------------------------------- */

/* Maps a file for reading. `path` is UTF-8. */
ct_file* ct_file_open(const char* path);
uint64_t ct_file_bytes(ct_file* file);
int32_t ct_file_close(ct_file* file);

/* Fills tensor[rows, columns] (f32 or bf16) from a mapped file. Row r is read, dense, from byte
 * `offset` + r * row_step * columns * size of `source_type` (CT_F32, CT_BF16 or CT_F16) and
 * converted, to bf16 by rounding to nearest, ties to even. row_step 1 reads consecutive rows.
 *
 * For packed weights each group is rounded by itself: with m its element of greatest magnitude, the
 * first of equal ones, scale is |m| / 127 in 8 bits and m / -8 in 4, rounded to bf16, and a code is
 * element / scale, rounded to nearest, ties to even, and limited to its range. Elements are finite.
 */
int32_t ct_tensor_load(ct_tensor* tensor, ct_file* file, uint64_t offset, uint32_t source_type,
                       uint32_t row_step);

/* Fills tensor[rows, columns] from codes and scales in mapped files. A row of codes is `columns`
 * numbers of `bits` bits (4 or 8), the lowest bits of a byte first, each 8 or 128 more than the
 * code that it means; row r begins at byte `codes` + r * row_step * columns * bits / 8. A row of
 * scales is columns / group numbers of `scale_type` (CT_F32, CT_BF16 or CT_F16), from byte `scales`
 * on with the same step. The tensor is f32 or bf16 and gets scale * code, or is packed in as many
 * bits and gets the codes as they are and the scales rounded to bf16; its own group divides
 * `group`. */
int32_t ct_packed_load(ct_tensor* tensor, ct_file* codes_file, uint64_t codes,
                       ct_file* scales_file, uint64_t scales, uint32_t scale_type, uint32_t bits,
                       uint32_t group, uint32_t row_step);

/* ---- operators ------------------------------------------------------------------------------- */

/* out[N, D] = table[tokens[n], :], tokens[1, N] in 0 ... table rows - 1; table f32, bf16, q8
 * or q4. */
int32_t ct_embedding(ct_device* device, ct_tensor* out, ct_tensor* table, ct_tensor* tokens);

/* RMS norm of each head of V = columns of weight elements, of which a row has one or more:
 *   out = weight[1, V] * x / sqrt(mean(x^2) + epsilon), out and x [N, H*V]. out may alias x. */
int32_t ct_rms_norm(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* weight,
                    float epsilon);

/* out[N, M] = x[N, K] . weight[M, K]^T + bias[1, M]; weight f32, bf16, q8 or q4, accumulated in
 * f32; bias may be NULL. With weights of bf16 a GPU rounds x to bf16, to nearest, ties to even; a
 * CPU takes it as it is.
 *
 * With packed weights x is rounded, too: in each group of columns to 8 bits, with the scale
 * greatest |x| / 127. The products of a group are added up exactly, the groups in order, and every
 * instruction set gives the same bits. A row with an infinity or NaN gives NaN. */
int32_t ct_linear(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* weight,
                  ct_tensor* bias);

/* out = x + y, all [N, D]. out may alias x or y. */
int32_t ct_add(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* y);

/* out = x * sigmoid(x), all [N, D]. out may alias x. */
int32_t ct_silu(ct_device* device, ct_tensor* out, ct_tensor* x);

/* out = silu(gate) * up, all [N, D]. out may alias gate or up. */
int32_t ct_swiglu(ct_device* device, ct_tensor* out, ct_tensor* gate, ct_tensor* up);

/* Rotary embedding of each head of head_size elements (even), half-split pairing: element i turns
 * with element i + head_size/2 by the angle position * theta^(-2i/head_size). As in training, the
 * frequency and its product with the position are each rounded to f32; from position 2^17 on, where
 * no model was trained, the product is not. out and x are [N, heads * head_size], positions[1, N]
 * >= 0. out may alias x. */
int32_t ct_rotary(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* positions,
                  uint32_t head_size, float theta);

/* Dynamic convolution along a segment, followed by SiLU:
 *   out[n, c] = silu( sum over t of taps[n, t*C + c] * input(n - (W-1) + t, c) ),  t = 0 ... W-1
 * where input(n) is x's row n inside the segment and, before its first row, the state. out, x [N,
 * C]; taps[N, W*C], tap-major, tap W-1 for the current token; state[slots, (W-1)*C] holds the last
 * W-1 inputs, oldest first, and is brought up to date. W >= 1. */
int32_t ct_dynamic_convolution(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* taps,
                               ct_tensor* state, ct_tensor* segments, ct_tensor* slots);

/* Gated delta rule for H heads (H = columns of a), K = columns of q / H, V = columns of v / H. For
 * each token:
 *   q = silu(q) / sqrt(sum silu(q)^2 + 1e-6) / sqrt(K);   k = silu(k) / sqrt(sum silu(k)^2 + 1e-6)
 *   alpha = exp(-exp(a_log) * softplus(a + dt_bias));     beta = sigmoid(b)
 *   S = alpha S;  r = S^T k;  S = S + k (beta (v - r))^T;  out = S^T q
 * out, v [N, H*V]; q, k [N, H*K]; a, b [N, H]; a_log, dt_bias [1, H]; state[slots, H*K*V], S[K, V]
 * of each head row-major, f32 or bf16, is brought up to date. S is f32 within a call; a bf16 state
 * is rounded (to nearest, ties to even) once, at the end of each segment. chunk: 0 runs the
 * recurrence token by token, always. Otherwise segments of more than 8 tokens run in the chunked
 * matrix form, `chunk` (at most 128) tokens at a time, of which a GPU takes 32 at most; it differs
 * from the recurrence by rounding. */
int32_t ct_gated_delta(ct_device* device, ct_tensor* out, ct_tensor* q, ct_tensor* k, ct_tensor* v,
                       ct_tensor* a, ct_tensor* b, ct_tensor* a_log, ct_tensor* dt_bias,
                       ct_tensor* state, ct_tensor* segments, ct_tensor* slots, uint32_t chunk);

/* RMS norm of each head of V = columns of weight elements, then the gate:
 *   out = weight * x / sqrt(mean(x^2) + epsilon) * silu(gate), all [N, H*V]. out may alias x. */
int32_t ct_gated_norm(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* gate,
                      ct_tensor* weight, float epsilon);

/* Paged caches: keys and values [pages * CT_PAGE_TOKENS, kv_heads * head_size], f32 or bf16 (both
 * the same); page e is the CT_PAGE_TOKENS rows from e * CT_PAGE_TOKENS on. bounds[pages, 2 *
 * kv_heads * head_size] has the least and then the greatest of each column of a page's keys.
 *
 * Which pages a segment reads is told by three tables [S, width]. pages is -1 where there is none.
 * starts is the position of a page's first token, which need not be a multiple of anything; it
 * rises from page to page, and a page ends where the next begins, if that is earlier than after
 * CT_PAGE_TOKENS tokens. shifts >= 0 moves a page nearer: the query, which ct_rotary turned to its
 * position, is turned back for that page by shift * theta^(-2i/head_size), the frequency rounded to
 * f32 and its product with the shift not. Starts and shifts of no page may be anything.
 * positions[1, N] rise by one from token to token inside a segment. head_size is even. */

/* Writes k, v [N, kv_heads * head_size] to the rows rows[1, N], without repeats, of the caches, and
 * brings bounds, which may be NULL, up to date with the keys as they are stored. A row that is the
 * first of its page begins the page's bounds anew. */
int32_t ct_cache_append(ct_device* device, ct_tensor* keys, ct_tensor* values, ct_tensor* k,
                        ct_tensor* v, ct_tensor* rows, ct_tensor* bounds);

/* out[N, heads * head_size] = softmax(q . keys / sqrt(head_size)) . values for each query head;
 * head h reads kv head h / (heads / kv_heads). The query at position p sees the tokens of the
 * segment's pages at positions max(0, p - window + 1) ... p, or 0 ... p when window is 0. Its own
 * must be among them. */
int32_t ct_attention(ct_device* device, ct_tensor* out, ct_tensor* q, ct_tensor* keys,
                     ct_tensor* values, ct_tensor* positions, ct_tensor* segments, ct_tensor* pages,
                     ct_tensor* starts, ct_tensor* shifts, uint32_t head_size, uint32_t window,
                     float theta);

/* How near each page comes to being the best of any query head of its segment:
 *   u(n, h, e) = sum over i of max(q_i * least_i, q_i * greatest_i) / sqrt(head_size)
 *   scores[s, e] = max over rows n of s and heads h of  u(n, h, e) - max over e' of u(n, h, e')
 * over the pages that begin at or before the row's position; -infinity where there is no page or no
 * such row. u bounds q . key / sqrt(head_size) over the page's tokens. scores[S, width], q[N, heads
 * * head_size]. */
int32_t ct_page_scores(ct_device* device, ct_tensor* scores, ct_tensor* q, ct_tensor* bounds,
                       ct_tensor* positions, ct_tensor* segments, ct_tensor* pages,
                       ct_tensor* starts, ct_tensor* shifts, uint32_t head_size, float theta);

/* Chooses `count` of each segment's pages: the first, the last `recent`, and of the others those
 * with the greatest scores[S, width], of equal ones the first; NaN counts as less than everything.
 * Writes them in their order to chosen_pages, chosen_starts, chosen_shifts [S, count], then pages
 * of -1 with starts and shifts of 0. recent < count <= width. */
int32_t ct_select_pages(ct_device* device, ct_tensor* chosen_pages, ct_tensor* chosen_starts,
                        ct_tensor* chosen_shifts, ct_tensor* scores, ct_tensor* pages,
                        ct_tensor* starts, ct_tensor* shifts, uint32_t recent);

/* out[M, D] = x[rows[m], :], rows[1, M]. */
int32_t ct_gather_rows(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* rows);

/* out[rows[m], :] = x[m, :], x[M, D], rows[1, M] without repeats; the other rows of out keep their
 * values. */
int32_t ct_scatter_rows(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* rows);

/* out[1, N] (i32) = the index of the greatest element of each row of x[N, D], the lowest of equal
 * ones. NaN counts as less than everything. */
int32_t ct_argmax(ct_device* device, ct_tensor* out, ct_tensor* x);

/* The k greatest elements of each row of x[N, D], falling; of equal ones the lower index first. NaN
 * counts as less than everything. values[N, k] f32, indices[N, k] i32, k <= D. */
int32_t ct_top_k(ct_device* device, ct_tensor* values, ct_tensor* indices, ct_tensor* x);

/* out[1, N] = log(sum over a row of exp(scales[n] * x[n, :])), x[N, D], scales[1, N] f32. */
int32_t ct_log_sum_exp(ct_device* device, ct_tensor* out, ct_tensor* x, ct_tensor* scales);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
#endif
