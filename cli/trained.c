/* trained.c - run folders that are named by the hash of their recipe: found, trained to the end, or gone on with */
#include "cli.h"

il_status cli_run_folder(char folder[CLI_PATH], const char *out, const il_config *config,
                         il_error *err)
{
    char key[32];
    snprintf(key, sizeof key, "%016" PRIx64, il_config_hash(config));
    return cli_join(folder, out, key, err);
}

il_status cli_find_trained(int *trained, const char *folder, const il_config *config,
                           il_error *err)
{
    char last[CLI_PATH];
    il_model *model;
    *trained = 0;
    CLI_TRY(cli_join(last, folder, "checkpoints/last.safetensors", err));
    if (!cli_is_file(last)) return IL_OK;
    il_status status = il_model_load(&model, folder, err);
    if (status == IL_ECONFIG)
        return IL_OK; /* damaged: training goes on with an older one */
    CLI_TRY(status);
    *trained = il_model_step(model) >= config->training.train_steps &&
               il_config_hash(il_model_config(model)) == il_config_hash(config);
    il_model_free(model);
    return IL_OK;
}

int cli_is_trained(const char *folder, const il_config *config)
{
    int trained;
    return !cli_find_trained(&trained, folder, config, NULL) && trained;
}

il_status cli_train_on(const il_config *config, const char *folder, int silent,
                       il_error *err)
{
    il_trained trained;
    il_status status = cli_train_in(config, folder, 1, silent, &trained, err);
    if (status != IL_EINTERRUPT) return status;
    return il_fail(err, status, "%.300s in %.120s; run the same command again to continue",
                   err->text, folder);
}
