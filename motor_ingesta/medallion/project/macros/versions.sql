{# Which version of a row this is: its own time, then when its file or record was written, then where
   it is. Later versions compare as greater. #}
{% macro file_version(time) -%}
    named_struct(
        'at', cast({{ time }} as timestamp),
        'written_at', _source_modified_at,
        'origin', _source_file
    )
{%- endmacro %}

{% macro record_version(time) -%}
    named_struct(
        'at', cast({{ time }} as timestamp),
        'written_at', _timestamp,
        'origin', concat(_topic, '/', _partition, '/', lpad(cast(_offset as string), 20, '0'))
    )
{%- endmacro %}

{# The order of a row's versions, the one to keep first. Two that say the same of themselves are
   told apart by what they hold, so that every build keeps the same one. #}
{% macro latest_first(columns) -%}
    _version desc, to_json(named_struct(
        {%- for column in columns %}'{{ column }}', {{ column }}{{ ', ' if not loop.last }}{% endfor -%}
    )) desc
{%- endmacro %}
