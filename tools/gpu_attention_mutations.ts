/**
 * Faults in attention and the scores of pages on GPUs.
 *
 * @module
 */
import type { Mutation } from "./mutations.ts";

export const GPU_ATTENTION: readonly Mutation[] = [
  {
    file: "gpu/query_group.h",
    find: "group.first = group.key_head * sizes.group + before;",
    replace: "group.first = group.key_head * sizes.group;",
    why: "the second part of a large group has the heads of the first",
  },
  {
    file: "gpu/query_group.h",
    find: "group.count = lesser(sizes.group_part, sizes.group - before);",
    replace: "group.count = sizes.group_part;",
    why: "the last part of a large group takes a head of the next",
  },
  {
    file: "gpu/query_group.h",
    find: "i < half_size ? from[side * half_size + i] : 0.0f",
    replace: "from[side * half_size + i]",
    why: "what lies behind half of a query is taken for more of it",
  },
  {
    file: "gpu/attention_span.h",
    find: "if (next < list.width) stop = lesser(stop, uint32_t(list.starts[next]));",
    replace: "",
    why: "a page does not end where the next begins",
  },
  {
    file: "gpu/attention_scores.h",
    find: "const float turned = a[t][k] * cosine - b[t][k] * sine;",
    replace: "const float turned = a[t][k] * cosine + b[t][k] * sine;",
    why: "keys of a page that was moved are turned the wrong way",
  },
  {
    file: "gpu/attention_scores.h",
    find: "        turns[2 * i + 1] = turn.sine;\n      }\n      barrier();",
    replace: "        turns[2 * i + 1] = turn.sine;\n      }",
    why: "turns are used before they are there",
  },
  {
    file: "gpu/attention_scores.h",
    find: "sees(page, own) ? sum * sizes.scale : -infinity();",
    replace: "sum * sizes.scale;",
    why: "tokens that a row does not see get weight",
  },
  {
    file: "gpu/attention.h",
    find: "  score_span<is_wide, T>(sizes, shared, heads, keys, thread_index);\n  barrier();",
    replace: "  score_span<is_wide, T>(sizes, shared, heads, keys, thread_index);",
    why: "scores are weighed before they are there",
  },
  {
    file: "gpu/attention_scores.h",
    find: "  if (is_first) sum_parts[warp * most_group_heads] = sum;\n  barrier();",
    replace: "  if (is_first) sum_parts[warp * most_group_heads] = sum;",
    why: "weights are used before they are there",
  },
  {
    file: "gpu/attention_values.h",
    find: "const bool reads = sees(page, own) && column < sizes.head_size;",
    replace: "const bool reads = column < sizes.head_size;",
    why: "values of tokens that a row does not see are read",
  },
  {
    file: "gpu/attention_values.h",
    find: "column + lane * each / warp_size",
    replace: "column + lane % each",
    why: "sums of values are written to columns of others",
  },
  {
    file: "gpu/join_attention.h",
    find: "const bool weighs = factors[i] > 0.0f;",
    replace: "const bool weighs = true;",
    why: "spans without weight are added",
  },
  {
    file: "gpu/join_attention.h",
    find: "    barrier();  // the factors before may still be read\n",
    replace: "",
    why: "factors of later spans are written while those before are read",
  },
  {
    file: "gpu/join_attention.h",
    find: "factors[THREAD] = exp(marks[own] - greatest);",
    replace: "factors[THREAD] = 1.0f;",
    why: "spans are not brought to the greatest of all",
  },
  {
    file: "gpu/page_scores.h",
    find: "e < list.width && list.pages[e] >= 0 && list.starts[e] <= positions[row];",
    replace: "e < list.width && list.pages[e] >= 0;",
    why: "pages that begin behind a row are scored",
  },
  {
    file: "gpu/page_scores.h",
    find: "most = greater(most, limit - greatest[i]);",
    replace: "most = greater(most, limit);",
    why: "limits are not relative to the greatest",
  },
  {
    file: "gpu/host/caches.cc",
    find: "rows_are_wide(data, stride, element_bytes) && head_size / 2 * element_bytes % 16 == 0",
    replace: "rows_are_wide(data, stride, element_bytes)",
    why: "halves of heads are read at once from anywhere",
  },
  {
    file: "gpu/host/caches.cc",
    find: "rows_are_wide(data, stride, element_bytes) && head_size / 2 * element_bytes % 16 == 0",
    replace: "head_size / 2 * element_bytes % 16 == 0",
    why: "rows are read at once from anywhere",
  },
];
