select
    harvest_id,
    farm_id,
    field_id,
    product_id,
    harvested_at,
    weight_kg,
    moisture_pct,
    quality,
    {{ file_version('harvested_at') }} as _version,
    _ingested_at,
    {{ faults([
        missing('harvest_id'),
        missing('farm_id'),
        missing('harvested_at'),
        negative('weight_kg'),
        outside('moisture_pct', 0, 100),
        unknown('quality', ['A', 'B', 'C']),
    ]) }} as _faults
from {{ source('bronze', 'fields__harvests') }}
