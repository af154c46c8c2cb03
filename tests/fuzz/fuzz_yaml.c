/* fuzz_yaml.c - any bytes as a recipe: a configuration or a sentence, never a crash
 *
 * A recipe that was read is written and read again: both must be written in the same way. The
 * bytes are also tried as an override.
 */
#include "innerloop_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *written(const il_config *c, size_t *size)
{
    char *text;
    if (il_config_text(&text, c, NULL)) abort();
    *size = strlen(text);
    return text;
}

static void try_override(il_config *c, const uint8_t *data, size_t size)
{
    char text[512];
    il_error err = { 0 };
    if (size >= sizeof text) return;
    memcpy(text, data, size);
    text[size] = 0;
    if (il_config_set(c, text, &err) && !err.text[0]) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    il_config c, again;
    il_error err = { 0 };
    il_config_init(&c);
    if (il_config_parse(&c, (const char *)data, size, "fuzz", &err)) {
        if (!err.text[0]) abort();
    }
    try_override(&c, data, size);
    if (il_config_check(&c, &err) && !err.text[0]) abort();
    size_t first, second;
    char *text = written(&c, &first);
    if (il_config_parse(&again, text, first, "again", &err)) abort();
    char *same = written(&again, &second);
    if (first != second || memcmp(text, same, first)) abort();
    il_text_free(text);
    il_text_free(same);
    return 0;
}
