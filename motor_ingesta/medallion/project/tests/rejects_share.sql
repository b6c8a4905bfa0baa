{{ config(severity='warn') }}

-- A build should reject few rows: more than one in a hundred of what silver has of a dataset is worth a look.
{%- set tables = {
    'sales/online_orders': 'online_orders',
    'sales/orders': 'orders',
    'iot/telemetry': 'readings',
    'iot/devices': 'device_reports',
    'weather/observations': 'weather',
    'logistics/shipments': 'shipments',
    'fields/harvests': 'harvests',
    'fields/photos': 'photos',
    'suppliers/suppliers': 'supplier_registers',
} %}

with rejected as (
    select dataset, sum(copies) as rows
    from {{ ref('rejects') }}
    group by dataset
),

accepted as (
    {%- for dataset, model in tables.items() %}
    select '{{ dataset }}' as dataset, count(*) as rows from {{ ref(model) }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
)

select rejected.dataset, rejected.rows, accepted.rows as accepted
from rejected
inner join accepted on rejected.dataset = accepted.dataset
where rejected.rows > 0.01 * accepted.rows
