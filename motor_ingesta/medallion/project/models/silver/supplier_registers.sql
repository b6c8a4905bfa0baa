{{ config(unique_key=['supplier_id', 'register_date']) }}

with valid as (
    select *
    from {{ ref('stg_suppliers__suppliers') }}
    where size(_faults) = 0 and {{ is_new('suppliers__suppliers') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by supplier_id, register_date
            order by {{ latest_first(['name', 'contact_email', 'phone', 'province', 'products', 'rating', 'since']) }}
        ) as _rank
    from valid
)

select
    supplier_id,
    register_date,
    name,
    contact_email,
    phone,
    province,
    products,
    rating,
    since,
    _version,
    _ingested_at
from ranked
where _rank = 1
