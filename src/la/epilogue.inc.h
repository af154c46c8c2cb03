/* epilogue.inc.h - what is done to a tile of a product while it is in the first cache */

/* Finished sums (rows, cols) become C, which they may be already; the first element is (m, n) of the whole product. */
static void finish(il_real *C, int ldc, const il_real *sums, int lds, const il_epilogue *e,
                   int m, int n, int rows, int cols)
{
    for (int c = 0; c < cols; c += VL) {
        int left = cols - c;
        vf bias = e->bias ? vload_n(e->bias + n + c, left) : (vf){ 0 };
        for (int i = 0; i < rows; i++) {
            vf v = vload_n(sums + (size_t)i * lds + c, left);
            if (e->bias) v += bias;
            if (e->pre) vstore_n(e->pre + (size_t)(m + i) * e->ldp + n + c, v, left);
            if (e->gelu) v = vgelu(v);
            if (e->residual)
                v += vload_n(e->residual + (size_t)(m + i) * e->ldr + n + c, left);
            vstore_n(C + (size_t)i * ldc + c, v, left);
        }
    }
}
