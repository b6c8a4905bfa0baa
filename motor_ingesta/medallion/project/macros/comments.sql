{# dbt-spark writes the comment of each column in each run, a commit each. This writes those that
   differ, in one commit. #}
{% macro spark__alter_column_comment(relation, column_dict) %}
    {%- set known = {} -%}
    {%- for row in run_query('describe table ' ~ relation) -%}
        {%- do known.update({row['col_name']: row['comment'] or ''}) -%}
    {%- endfor -%}
    {%- set changes = [] -%}
    {%- for name in column_dict if known.get(name) != column_dict[name]['description'] -%}
        {%- set comment = column_dict[name]['description'] | replace("'", "\\'") -%}
        {%- do changes.append(adapter.quote(name) ~ " comment '" ~ comment ~ "'") -%}
    {%- endfor -%}
    {%- if changes -%}
        {%- do run_query('alter table ' ~ relation ~ ' alter column ' ~ changes | join(', ')) -%}
    {%- endif -%}
{% endmacro %}
