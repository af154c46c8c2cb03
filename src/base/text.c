/* text.c - the nearest word by edit distance, for "did you mean", and lists of words */
#include "base/base.h"

enum { LONGEST = 96 };

/* Levenshtein distance: the fewest insertions, deletions and replacements. O(|a| |b|). */
static int distance(const char *a, const char *b)
{
    int row[LONGEST + 1], m = (int)strlen(b);
    if (m > LONGEST) return LONGEST;
    for (int j = 0; j <= m; j++) row[j] = j;
    for (int i = 1; *a; a++, i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int replace = diagonal + (*a != b[j - 1]);
            diagonal = row[j];
            row[j] = il_min(replace, 1 + il_min(row[j], row[j - 1]));
        }
    }
    return row[m];
}

const char *il_nearest(const char *word, const char *const *words, int n)
{
    if (!word || !words) return NULL;
    const char *best = NULL;
    int least =
        1 + il_max(1, (int)strlen(word) / 3); /* a third of the letters may be wrong */
    for (int i = 0; i < n; i++) {
        int d = words[i] ? distance(word, words[i]) : least;
        if (d < least) {
            least = d;
            best = words[i];
        }
    }
    return best;
}

il_advice il_advise(const char *word, const char *const *words, int n,
                    const char *otherwise)
{
    il_advice a;
    const char *near = il_nearest(word, words, n);
    snprintf(a.text, sizeof a.text, "%s%.160s%s", near ? "; did you mean '" : "",
             near ? near : otherwise, near ? "'?" : "");
    return a;
}

int il_item_next(char item[IL_TEXT], const char **list, const char *separators)
{
    const char *at = *list;
    while (*at == ' ' || (*at && strchr(separators, *at))) at++;
    size_t size = strcspn(at, separators);
    int fits = size < IL_TEXT;
    snprintf(item, IL_TEXT, "%.*s%s", fits ? (int)size : IL_TEXT - 4, at,
             fits ? "" : "...");
    *list = at + size;
    return size > 0;
}
