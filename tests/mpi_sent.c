/* mpi_sent.c - counts the bytes that every rank hands to MPI for one other rank at a time, by MPI's profiling interface
 *
 * To be preloaded; in the end every rank says "rank R sent N" on stderr.
 */
#include <mpi.h>
#include <stdio.h>

static double sent;

int MPI_Isend(const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm all,
              MPI_Request *request)
{
    int size;
    PMPI_Type_size(type, &size);
    sent += (double)n * size;
    return PMPI_Isend(data, n, type, to, tag, all, request);
}

int MPI_Finalize(void)
{
    int rank;
    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    fprintf(stderr, "rank %d sent %.0f\n", rank, sent);
    return PMPI_Finalize();
}
