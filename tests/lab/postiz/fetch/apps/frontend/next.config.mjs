/** As upstream's: source maps everywhere, no generateBuildId, so each build has a random id. */
export default {
  productionBrowserSourceMaps: true,
  experimental: { serverSourceMaps: true },
  poweredByHeader: false,
};
