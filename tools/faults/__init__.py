"""Programs that break the engine on purpose and count afterwards."""
