/* base.h - what every layer stands on: errors, memory, random numbers, options, threads */
#ifndef IL_BASE_H
#define IL_BASE_H

#include "innerloop_lab.h"

#include "base/real.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- errors: a status and a sentence ----------------------------------------------------- */

#define IL_TRY(call)                                                                       \
    do {                                                                                   \
        il_status try_status_ = (call);                                                    \
        if (try_status_ != IL_OK) return try_status_;                                      \
    } while (0)

/* What a public function was handed, looked at before anything else: fails where one of these pointers is
 * NULL. `names` are theirs in innerloop.h, between blanks. */
#define IL_GIVEN(err, names, ...)                                                          \
    IL_TRY(il_given((err), __func__, (names), (const void *const[]){ __VA_ARGS__ }))
il_status il_given(il_error *err, const char *function, const char *names,
                   const void *const *given);

/* The same for counts: fails where one is not from 0 to `most`, which no product of sizes overflows. */
#define IL_WITHIN(err, most, names, ...)                                                   \
    IL_TRY(il_within((err), (most), (names), (const int[]){ __VA_ARGS__ }))
il_status il_within(il_error *err, int most, const char *names, const int *counts);
enum { IL_MOST = 1 << 24 };

/* ---- memory: one arena per owner ----------------------------------------------------------- */

/* An arena without memory measures; with memory it carves. Layout code runs once for each. */
typedef struct {
    char *base;
    size_t used, size, peak;
} il_arena;

void *il_arena_take(il_arena *arena,
                    size_t bytes); /* 64-byte aligned; NULL while measuring */
il_status il_arena_fill(il_arena *arena,
                        il_error *err); /* after measuring: get the memory, zeroed */
void il_arena_free(il_arena *arena);
/* Before anything is taken: more than the machine's memory is refused in a sentence that says what needs
 * it and, if not "", which keys to lower. Errors: IL_EFAIL. */
il_status il_memory_ask(double bytes, const char *what, const char *lower, il_error *err);
static inline size_t il_product(size_t a, size_t b) /* SIZE_MAX where it does not fit */
{
    return b && a > SIZE_MAX / b ? SIZE_MAX : a * b;
}
#define il_take(arena, type, n)                                                            \
    ((type *)il_arena_take((arena), il_product(sizeof(type), (n))))

/* Scratch: everything taken after a mark is given back by its release. */
static inline size_t il_mark(const il_arena *arena) { return arena->used; }
static inline void il_release(il_arena *arena, size_t mark) { arena->used = mark; }

/* ---- random numbers: a function of coordinates --------------------------------------------- */

/* Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). */
void il_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

typedef struct {
    uint32_t key[2], counter[4], block[4];
    int left; /* words of `block` not handed out yet */
} il_rng;

/* The generator at (seed, stream, step, index); its draws are numbered by counter[0]. */
il_rng il_rng_at(uint64_t seed, uint32_t stream, uint32_t step, uint32_t index);
uint32_t il_bits(il_rng *rng);
double il_uniform(il_rng *rng); /* in (0,1), 53 bits, never 0 or 1 */
double il_normal(il_rng *rng);  /* N(0,1): inverse distribution function of one uniform */
double il_gamma(il_rng *rng,
                double shape);    /* of scale 1: mean and variance are `shape` > 0 */
int il_below(il_rng *rng, int n); /* uniform in 0..n-1, without bias */

/* ---- options (innerloop.h has the others) ------------------------------------------------------ */

int il_opt_equal(const il_opt *opt, const void *a, const void *b);
/* A struct that was filled in by hand keeps to its table. Errors: IL_ECONFIG naming `prefix` and option. */
il_status il_opt_check(const il_opt *table, const void *target, const char *prefix,
                       il_error *err);
/* Applies "a=1 b=2" (spaces between), where the table has no IL_OPT_STRING. `what` names the owner in
 * errors. */
il_status il_opt_parse(const il_opt *table, void *target, const char *text,
                       const char *what, il_error *err);

/* ---- numbers as text, whatever the locale says --------------------------------------------------- */

typedef struct {
    char text[32];
} il_number;

/* The shortest decimal of at most 15, 16 or 17 digits that reads back to it: il_digits(x).text */
il_number il_digits(double value);
/* Four significant digits for people: 0.01234, 12.34, 12346, 1.5e-09; "-" for NaN. */
il_number il_digits_short(double value);
/* The finite decimal number that fills `text`, spaces around it allowed. 0 if it is not one. */
int il_number_parse(const char *text, double *value);
/* x^n by repeated squaring: the same bits on every machine, which pow() does not promise. */
double il_power(double x, int64_t n);

/* ---- text ---------------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character that `text` begins with, of which `left` bytes exist; 0 if there
 * is none. */
size_t il_utf8_size(const char *text, size_t left);

/* Where `text` stops being text: the first byte that is not UTF-8, or begins a character that
 * cannot be seen (controls other than tab and line end, U+2028, byte order marks); `bytes` if
 * all is well. */
size_t il_utf8_bad(const char *text, size_t bytes);

/* Writes `text` to `out` (room bytes) as one line that can be shown: controls and what is not text become
 * `?`, and what goes beyond `width` bytes becomes `...`, in whole characters; width + 4 <= room. */
void il_utf8_show(char *out, size_t width, const char *text);

/* A stranger's text, fit for a sentence: one line, at most 60 bytes. Use as il_show(x).text. */
typedef struct {
    char text[64];
} il_shown;
il_shown il_show(const char *text);

/* The end of a sentence on a word that is none of `words`: "; did you mean 'NEAREST'?", or `otherwise` where
 * none is near. Use as il_advise(...).text. */
typedef struct {
    char text[192];
} il_advice;
il_advice il_advise(const char *word, const char *const *words, int n,
                    const char *otherwise);

/* The next item of a list such as "a, b": between blanks and `separators`, of which several count as one; what does
 * not fit ends in "...". Moves `list` on; 0 at its end. */
int il_item_next(char item[IL_TEXT], const char **list, const char *separators);

/* ---- time ----------------------------------------------------------------------------------------- */

double il_seconds(void); /* since some moment, of a clock that is never set */

/* ---- files ---------------------------------------------------------------------------------------- */

/* The whole of a file or pipe, with a zero byte behind it; free(*text) gives it back.
 * Errors: IL_EIO naming the path: missing, not readable, a folder, more than `limit` bytes;
 * IL_EFAIL without memory. */
il_status il_file_read(char **text, size_t *bytes, const char *path, size_t limit,
                       il_error *err);

/* Writes a whole text to `f`. What fails beside the stream is its status: then the text is not
 * used. The stream's own errors are looked for by the caller, but for printf, which may also fail
 * for want of memory: long texts go by fputs or fwrite. */
typedef il_status il_fill(const void *context, FILE *f, il_error *err);

void il_write_file(void *f, const char *bytes, size_t n); /* an il_write_fn to a FILE */
ptrdiff_t il_read_file(void *f, char *bytes,
                       size_t room); /* an il_read_fn of a FILE, past its buffer */

/* Replaces a file as a whole or leaves it as it was. `fill` writes to a temporary file in the
 * same folder, which is synced and renamed over `path`, or over what it links to.
 * Errors: fill's; IL_EIO naming the path and the system's reason; IL_EFAIL without memory. The
 * temporary file is gone then. */
il_status il_file_write_atomic(const char *path, il_fill *fill, const void *context,
                               il_error *err);

/* The same in two steps, for files that belong together: first all of them are written, and then each
 * is put in its place, or all are dropped. */
typedef struct {
    char *path, *name; /* where it belongs, links followed; where it lies, beside that */
    int fd;            /* of the file, whose lock it holds */
} il_draft;
il_status il_draft_write(il_draft *draft, const char *path, il_fill *fill,
                         const void *context, il_error *err);
il_status il_draft_keep(il_draft *draft,
                        il_error *err); /* the draft is gone, in any case */
void il_draft_drop(il_draft *draft);    /* nothing where {0}, or where it is gone */

/* The same as a text in memory, whole or not at all; il_text_free(*text). Errors: fill's; IL_EFAIL. */
il_status il_text_write(char **text, il_fill *fill, const void *context, il_error *err);

/* Makes a new name of a file or folder last through a power cut. Some file systems cannot sync a
 * folder; what the name stands for is whole either way, so this is not an error. */
void il_file_settle_name(const char *path);

/* Marks the temporary file that was just made as a living process's; 0 if it is gone already. */
int il_temporary_lock(int fd);
/* Removes the temporary files of processes that died from a folder: those of `name`, or all. */
void il_temporary_sweep(const char *folder, const char *name);

/* ---- JSON: read where it stands; what is written is in innerloop_lab.h ----------------------------- */

/* A value of a checked text: its first byte and the byte behind its last. {0}: no value. */
typedef struct {
    const char *at, *end;
} il_json;

/* Checks that `text` is one JSON value (RFC 8259; without the escape of the zero character, and at
 * most 64 lists and objects in each other) and finds it. Returns NULL, or what is wrong, at
 * *where (may be NULL). Keys may repeat. Takes no memory; the others below need a checked text. */
const char *il_json_check(il_json *value, const char *text, size_t bytes, size_t *where);

/* Is it `{` an object, `[` a list, `"` a string, `0` a number, `t`, `f` or `n` a word? */
int il_json_is(il_json value, char kind);

/* The members of an object, or a list's values, which have no key; nothing else has any:
 * for (il_json_walk w = il_json_open(v); il_json_next(&w, &key, &value);) */
typedef struct {
    const char *at, *end;
    int keyed;
} il_json_walk;
il_json_walk il_json_open(il_json value);
int il_json_next(il_json_walk *walk, il_json *key, il_json *value);
int il_json_count(il_json value);
il_json il_json_find(il_json object, const char *name); /* the first of that name, or {0} */

/* A string without quotes and escapes, cut to whole characters and `room` bytes with a zero behind
 * it. Returns the bytes of the whole string, so that room 0 measures. */
size_t il_json_text(il_json string, char *out, size_t room);
int il_json_order(il_json a, il_json b);       /* of two strings, by bytes, as strcmp */
int il_json_size(il_json value, size_t *size); /* 0: no whole number from 0 up that fits */
double il_json_number(il_json value);          /* NaN: no finite number */

/* ---- YAML: a flat list of leaves -------------------------------------------------------------------- */

enum {
    IL_YAML_BYTES = 1 << 20, /* in one file */
    IL_YAML_KEYS = 4096,     /* in one file, and in all of them together */
    IL_YAML_PATH = 256,      /* bytes of a path, with its zero */
    IL_YAML_DEPTH = 16,      /* of mappings, and of files that inherit files */
    IL_YAML_FILES = 64
};

/* Writes the path that `path` is another spelling of, or `path` itself. */
typedef void il_respell(char to[IL_YAML_PATH], const char *path);

typedef struct {
    char *path;  /* "training.curriculum.dims.start" */
    char *value; /* the scalar's text; NULL where there is none (empty, ~, null) */
    const char *file;
    int line, column; /* of the key, counted from 1 */
} il_leaf;

typedef struct il_yaml il_yaml;

/* Reads a file of nested mappings. A key `inherit` at the top names one file or a list of files,
 * relative to this one, whose leaves come first; a later leaf of the same path replaces an
 * earlier one, however both are spelt; `respell` NULL: as they stand. Errors: IL_EIO for a file,
 * IL_ECONFIG with file, line and column for its text: sequences, anchors, aliases, tags and keys given
 * twice are refused, so are the limits above. A list of `seeds` at the top, or beneath `grid`, is one leaf, "1, 2, 3". */
il_status il_yaml_read(il_yaml **yaml, const char *path, il_respell *respell,
                       il_error *err);

/* The same from memory, where `inherit` is refused; `name` stands for the file in errors. */
il_status il_yaml_parse(il_yaml **yaml, const char *text, size_t bytes, const char *name,
                        il_respell *respell, il_error *err);
void il_yaml_free(il_yaml *yaml);
int il_yaml_count(const il_yaml *yaml);
const il_leaf *il_yaml_at(const il_yaml *yaml, int i); /* no two have the same path */

/* ---- safetensors: named arrays in a file -------------------------------------------------------------- */

typedef enum {
    IL_DTYPE_BOOL,
    IL_DTYPE_U8,
    IL_DTYPE_I8,
    IL_DTYPE_F8_E5M2,
    IL_DTYPE_F8_E4M3,
    IL_DTYPE_I16,
    IL_DTYPE_U16,
    IL_DTYPE_F16,
    IL_DTYPE_BF16,
    IL_DTYPE_I32,
    IL_DTYPE_U32,
    IL_DTYPE_F32,
    IL_DTYPE_F64,
    IL_DTYPE_I64,
    IL_DTYPE_U64
} il_dtype;

#define IL_DTYPE_REAL (sizeof(il_real) == 4 ? IL_DTYPE_F32 : IL_DTYPE_F64)
enum { IL_TENSOR_DIMS = IL_ARRAY_DIMS };

typedef struct {
    const char *name;
    il_dtype dtype;
    int ndim; /* 0: a scalar */
    int64_t shape[IL_TENSOR_DIMS];
    const void *data; /* dense, row-major, in this machine's byte order */
} il_tensor;

typedef struct {
    const char *key, *value;
} il_meta;

typedef struct il_tensors il_tensors;

const char *il_dtype_name(il_dtype dtype); /* as the file has it: "F32" */
size_t il_dtype_bytes(il_dtype dtype);
int il_dtype_find(il_dtype *dtype, const char *name); /* 0: there is none of that name */
/* n elements of `size` bytes between this machine's byte order and little-endian */
void il_copy_little_endian(void *to, const void *from, size_t n, size_t size);

size_t il_tensor_count(const il_tensor *t); /* of elements */
size_t il_tensor_bytes(const il_tensor *t);
/* F32 or F64 elements as il_real; y NULL: only asks. Errors: IL_ECONFIG naming the tensor for
 * another dtype. */
il_status il_tensor_reals(const il_tensor *t, il_real *y, il_error *err);

/* Reads a whole file; every tensor's data is 64-byte aligned and lives as long as `tensors`.
 * Errors: IL_EIO for the file; IL_ECONFIG naming file and tensor when the contents are not
 * exactly what the format asks for (header, dtypes, shapes, offsets without hole or overlap). */
il_status il_tensors_read(il_tensors **tensors, const char *path, il_error *err);
/* The same from memory, which is copied; `name` stands for the file in errors. */
il_status il_tensors_parse(il_tensors **tensors, const void *bytes, size_t size,
                           const char *name, il_error *err);
void il_tensors_free(il_tensors *tensors);
int il_tensors_count(const il_tensors *tensors);
const il_tensor *il_tensors_at(const il_tensors *tensors,
                               int i); /* in the order of the file */
const il_tensor *il_tensors_find(const il_tensors *tensors, const char *name); /* or NULL */
const char *il_tensors_meta(const il_tensors *tensors, const char *key);       /* or NULL */

/* All that a file holds as one number, whatever the order. A writer may give it as the text `digest`
 * (%016x) among the metadata, which counts for nothing itself; reading compares it where it is. */
#define IL_DIGEST "digest"
uint64_t il_tensors_digest(const il_tensor *tensors, int n, const il_meta *meta, int nmeta);

/* Writes tensors and metadata to a file, which is replaced as a whole or left as it was.
 * Errors: as il_file_write_atomic; IL_ECONFIG for a name that is not UTF-8 or given twice. */
il_status il_tensors_write(const char *path, const il_tensor *tensors, int n,
                           const il_meta *meta, int nmeta, il_error *err);

/* Tensors and metadata that are copied, the tensors' data little-endian; `name` stands for their file in errors.
 * Errors: IL_EFAIL. */
il_status il_tensors_new(il_tensors **tensors, const il_tensor *from, int n,
                         const il_meta *meta, int nmeta, const char *name, il_error *err);
/* Reads a safetensors file, or one of numpy: .npz, or .npy with one tensor of no name. The contents say which it is.
 * Errors: as il_tensors_read. */
il_status il_arrays_read(il_tensors **tensors, const char *path, il_error *err);
/* Writes a .npz. Errors: as il_tensors_write. */
il_status il_npz_write(const char *path, const il_tensor *tensors, int n,
                       const il_meta *meta, int nmeta, il_error *err);

/* Processors that the affinity mask and the quotas of the control groups leave to this process. */
long il_processors(void);
/* The quota alone, in processors, INFINITY without one; `root` stands before /proc and /sys. */
double il_quota(const char *root);
/* The same number in processes with the same affinity mask, 0 where the system does not say. */
uint64_t il_processors_bound(void);

/* ---- threads --------------------------------------------------------------------------------------- */

/* How many workers there may be from here on, which il_threads_set does not raise any more: room for so
 * many is enough for every region. */
int il_workers(void);

/* Runs work(context, i, worker) for i = 0..n-1; worker < n and < il_workers().
 * Which worker takes which i is left to chance: results must not depend on it. Not reentrant:
 * a nested call runs on the calling thread alone, as that worker. */
void il_parallel(int n, void (*work)(void *context, int i, int worker), void *context);

/* ---- hash -------------------------------------------------------------------------------------------- */

#define IL_HASH_START 14695981039346656037ull
uint64_t il_hash(uint64_t hash, const void *data, size_t bytes); /* FNV-1a, 64 bits */
/* Of n numbers of `size` <= 8 bytes, as little-endian bytes: the same on every machine */
uint64_t il_hash_numbers(uint64_t hash, const void *data, size_t n, size_t size);

#endif
