{{ config(unique_key='reject_id') }}

-- Rows that fail an expectation, of every dataset, with the reason and the row itself.
{%- set bronze_tables = [
    'sales__online_orders',
    'sales__orders',
    'iot__telemetry',
    'iot__devices',
    'inventory__stock',
    'suppliers__suppliers',
    'logistics__shipments',
    'weather__observations',
    'fields__harvests',
    'fields__photos',
] %}

with failed as (
    {%- for table in bronze_tables %}
    select
        '{{ table | replace('__', '/') }}' as dataset,
        _faults,
        to_json(struct(*)) as content,
        _version,
        _ingested_at
    from {{ ref('stg_' ~ table) }}
    where size(_faults) > 0 and {{ is_new(table) }}
    {{- '\n\n    union all\n' if not loop.last }}
    {%- endfor %}
)

select
    sha2(concat(dataset, ' ', content), 256) as reject_id,
    dataset,
    split(_faults[0], ' ')[0] as reason,
    array_join(_faults, ', ') as detail,
    content,
    count(*) as copies,
    _version,
    _ingested_at
from failed
group by dataset, _faults, content, _version, _ingested_at
