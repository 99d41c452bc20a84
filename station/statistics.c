#include "station/statistics.h"

KlStatistics *
kl_statistics_new(void)
{
    KlStatistics *statistics = g_new0(KlStatistics, 1);
    statistics->hours = g_array_new(FALSE, FALSE, sizeof(KlHourCount));
    statistics->codes = g_ptr_array_new_with_free_func((GDestroyNotify)kl_code_count_free);
    statistics->steps = g_ptr_array_new_with_free_func((GDestroyNotify)kl_step_times_free);
    statistics->work_orders = g_ptr_array_new_with_free_func(g_free);
    return statistics;
}

void
kl_code_count_free(KlCodeCount *count)
{
    if (count == NULL)
        return;
    g_free(count->code);
    g_free(count);
}

void
kl_step_times_free(KlStepTimes *times)
{
    if (times == NULL)
        return;
    g_free(times->step);
    g_free(times);
}

void
kl_statistics_free(KlStatistics *statistics)
{
    if (statistics == NULL)
        return;
    g_clear_pointer(&statistics->hours, g_array_unref);
    g_clear_pointer(&statistics->codes, g_ptr_array_unref);
    g_clear_pointer(&statistics->steps, g_ptr_array_unref);
    g_clear_pointer(&statistics->work_orders, g_ptr_array_unref);
    g_free(statistics);
}
