{# The rows of a bronze table that a build has to read: those that were added since the last one. #}
{% macro is_new(bronze_table, alias='') -%}
    {%- set column = (alias ~ '.' if alias else '') ~ '_ingested_at' -%}
    {%- set new_since = var('new_since') -%}
    {%- if not is_incremental() -%}
        true
    {%- elif bronze_table not in new_since -%}
        {{ column }} >= (
            select coalesce(max(_ingested_at), timestamp '1970-01-01') from {{ this }}
        ) - interval {{ var('lookback_days') }} days
    {%- elif new_since[bronze_table] is none -%}
        false
    {%- else -%}
        {{ column }} >= timestamp '{{ new_since[bronze_table] }}'
    {%- endif -%}
{%- endmacro %}
