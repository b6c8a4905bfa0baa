{{ config(materialized='table') }}

-- A row for every change of a supplier that its registers show, whenever they arrived.
with registers as (
    select
        *,
        struct(name, contact_email, phone, province, products, rating, since) as attributes
    from {{ ref('supplier_registers') }}
),

compared as (
    select
        *,
        lag(attributes) over (partition by supplier_id order by register_date) as attributes_before
    from registers
),

changes as (
    select *
    from compared
    where attributes_before is null or not (attributes <=> attributes_before)
)

select
    supplier_id,
    register_date as valid_from,
    lead(register_date) over (partition by supplier_id order by register_date) as valid_to,
    lead(register_date) over (partition by supplier_id order by register_date) is null as is_current,
    name,
    contact_email,
    phone,
    province,
    products,
    rating,
    since
from changes
